"""Reading a column of times, a whole file at once, strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.wall_clock import EARLIEST_S, LATEST_S, Seconds

LAYOUTS = (
    "YYYY-MM-DD hh:mm:ss",
    "YYYY-MM-DD hh:mm",
    "DD.MM.YYYY hh:mm",
    "DD.MM.YYYY hh:mm:ss",
)
"""How times without an offset are written; ISO times may have a T for the space."""

FIELDS = "YMDhms"
"""Letters of the layouts: year, month, day, hour, minute, second."""

_ZERO, _NINE = ord("0"), ord("9")
_PROBED = 20
"""Cells looked at to find a column's layout."""

_FIRST_YEAR, _END_YEAR = (datetime.fromtimestamp(limit_s, UTC).year for limit_s in (EARLIEST_S, LATEST_S))
_FIRST_DAYS = (
    np.arange(f"{_FIRST_YEAR}-01", f"{_END_YEAR}-02", dtype="datetime64[M]")
    .astype("datetime64[D]")
    .astype(np.int64)
)
"""First day of every month taken and of the next, days since 1970."""

EXPECTED = "a time like 2021-06-02 00:15, 2021-06-02T00:15:00+02:00 or 02.06.2021 00:15"


@dataclass(frozen=True)
class ParsedTimes:
    """A column of times, read as one layout."""

    seconds: Seconds
    """Shape (row,): UTC where `absolute`, else as a wall clock showed them; meaningless where not valid."""
    valid: NDArray[np.bool_]
    """Shape (row,): which cells are times in the column's layout."""
    absolute: bool
    """Whether the cells carry their offset from UTC."""


def parse_times(cells: list[str]) -> ParsedTimes:
    """Read times of one layout: that of the first cell that has any."""
    for cell in cells[:_PROBED]:
        for layout in LAYOUTS:
            if len(cell) == len(layout) and _parse_layout([cell], layout)[1].all():
                seconds, valid = _parse_layout(cells, layout)
                return ParsedTimes(seconds, valid, absolute=False)
        if _with_offset(cell) is not None:
            stamps = [_with_offset(cell) for cell in cells]
            return ParsedTimes(
                np.array([stamp or 0 for stamp in stamps], dtype=np.int64),
                np.array([stamp is not None for stamp in stamps]),
                absolute=True,
            )
    return ParsedTimes(np.zeros(len(cells), np.int64), np.zeros(len(cells), np.bool_), absolute=False)


def _with_offset(cell: str) -> int | None:
    """Seconds since 1970 UTC of an ISO time with an offset, None for anything else."""
    if not cell.isascii():
        return None
    # Python's parser takes no 24:00 before 3.14.
    day_ends = cell[11:16] == "24:00"
    if day_ends:
        cell = f"{cell[:11]}00:00{cell[16:]}"
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        return None
    if time.tzinfo is None or time.microsecond or (day_ends and time.second):
        return None
    seconds = int(time.timestamp()) + 86_400 * day_ends
    return seconds if EARLIEST_S <= seconds < LATEST_S else None


def _parse_layout(cells: list[str], layout: str) -> tuple[Seconds, NDArray[np.bool_]]:
    # One character more than the layout has, so that a longer cell shows.
    width = len(layout) + 1
    characters = np.array(cells, dtype=f"U{width}").view(np.uint32).reshape(len(cells), width)
    valid = characters[:, -1] == 0
    digits = characters.astype(np.int64) - _ZERO
    for position, mark in enumerate(layout):
        column = characters[:, position]
        if mark.isalpha():
            valid &= (column >= _ZERO) & (column <= _NINE)
        elif mark == " " and layout.startswith("Y"):
            valid &= (column == ord(" ")) | (column == ord("T"))
        else:
            valid &= column == ord(mark)
    digits[~valid] = 0

    def number(mark: str) -> NDArray[np.int64]:
        value = np.zeros(len(cells), np.int64)
        for position, found in enumerate(layout):
            if found == mark:
                value = value * 10 + digits[:, position]
        return value

    seconds, possible = seconds_of({field: number(field) for field in FIELDS})
    return seconds, valid & possible


def seconds_of(numbers: Mapping[str, Seconds]) -> tuple[Seconds, NDArray[np.bool_]]:
    """Seconds since 1970 of the FIELDS of wall clock times, and whether they can be in the years taken."""
    year, month, day, hour, minute, second = (numbers[field] for field in FIELDS)
    valid = (year >= _FIRST_YEAR) & (year < _END_YEAR) & (month >= 1) & (month <= 12)
    months = np.where(valid, (year - _FIRST_YEAR) * 12 + month - 1, 0)
    first_day = _FIRST_DAYS[months]
    seconds = (first_day + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    valid &= (day >= 1) & (day <= _FIRST_DAYS[months + 1] - first_day)
    # 24:00 is how many a meter writes the end of its day.
    valid &= ((hour < 24) & (minute < 60) & (second < 60)) | ((hour == 24) & (minute == 0) & (second == 0))
    # Whatever the zone, what it is in UTC is in the years taken, too.
    valid &= (seconds >= EARLIEST_S + 86_400) & (seconds < LATEST_S - 86_400)
    return seconds, valid
