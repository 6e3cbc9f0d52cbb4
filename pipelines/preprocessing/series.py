"""A load history in UTC, and the window of it a model sees."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import MAX_LISTED, InvalidSeriesError, Violation
from pipelines.preprocessing.wall_clock import EARLIEST_S, LATEST_S, Seconds

MAX_VALUE_KW = 1e9
"""Largest power taken, either sign: a terawatt is more than any meter shows."""

MAX_STEPS = 400_000
"""Longest history taken: eleven years of quarter-hours."""


@dataclass(frozen=True)
class LoadSeries:
    """Mean active power per step, oldest first, strictly ascending in time."""

    times_s: Seconds
    """Start of each step, shape (time,), seconds since 1970-01-01 UTC."""
    kw: NDArray[np.float64]
    """Mean power of each step, shape (time,), kW, finite."""
    lines: NDArray[np.int64] | None = None
    """Line of the meter file each step stood on; None where there was no file."""
    zone: tzinfo = UTC
    """Zone that errors show times in: the one the file was read in."""
    time_column: str | None = None
    value_column: str | None = None
    """Headers of the file's columns."""
    label_s: int = 0
    """Seconds from a step's start to the time that the file has for it."""

    def place(self, index: int) -> tuple[int, int | None]:
        """Row and line of a step, for errors."""
        return index + 1, None if self.lines is None else int(self.lines[index])

    def time_text(self, index: int) -> str:
        """The time of a step as the file has it, with its offset."""
        return time_text(self.times_s[index] + self.label_s, self.zone)


def regular_series(start: datetime, kw: NDArray[np.float64], *, resolution_s: int) -> LoadSeries:
    """A series of evenly spaced values, kW, from the start of its first step.

    Raises InvalidSeriesError where the start has no offset or is not on a step, where there are no
    values or the first or last lies outside the years taken, and names values that are not finite.
    """
    if start.tzinfo is None:
        raise InvalidSeriesError([Violation("time", "start needs an offset from UTC, e.g. a final Z")])
    start_s = start.timestamp()
    if start_s % resolution_s:
        raise InvalidSeriesError(
            [Violation("grid", f"start is not on a step of {_span(resolution_s)}: {start.isoformat()}")]
        )
    if not kw.size:
        raise InvalidSeriesError([Violation("length", "the series has no values")])
    if kw.size > MAX_STEPS:
        raise InvalidSeriesError([Violation("length", f"the series has over {MAX_STEPS:,} values")])
    end_s = start_s + resolution_s * kw.size
    if start_s < EARLIEST_S or end_s > LATEST_S:
        raise InvalidSeriesError([Violation("time", "times must lie between 1970 and 2100")])
    bad = np.flatnonzero(~(np.abs(kw) <= MAX_VALUE_KW))
    if bad.size:
        listed = bad[:MAX_LISTED].tolist()
        raise InvalidSeriesError(
            [Violation("value", f"{kw[i]} is not a power in kW", row=i + 1, column="kw") for i in listed],
            bad.size,
        )
    return LoadSeries(np.arange(kw.size, dtype=np.int64) * resolution_s + int(start_s), kw)


def last_window(series: LoadSeries, *, window: int, resolution_s: int) -> LoadSeries:
    """The newest `window` steps, checked to lie on the grid of `resolution_s` without a gap.

    Raises InvalidSeriesError: too short, off the grid, a gap, or another step than the model's.
    """
    size = series.times_s.size
    if size < window:
        raise InvalidSeriesError(
            [
                Violation(
                    "length",
                    f"{window} rows are needed (the last {_span(window * resolution_s)}), there are {size}",
                )
            ]
        )
    first = size - window
    times_s = series.times_s[first:]
    steps_s = np.diff(times_s)
    if (steps_s != resolution_s).any() or times_s[0] % resolution_s:
        _refuse_uneven(series, first, steps_s, resolution_s)
    lines = None if series.lines is None else series.lines[first:]
    return replace(series, times_s=times_s, kw=series.kw[first:], lines=lines)


def _refuse_uneven(series: LoadSeries, first: int, steps_s: Seconds, resolution_s: int) -> NoReturn:
    """Name what is wrong with the steps of a series from its row `first` on."""
    times_s = series.times_s[first:]
    usual_s = int(np.median(steps_s))
    if usual_s != resolution_s:
        raise InvalidSeriesError(
            [Violation("step", f"the rows are {_span(usual_s)} apart, the model takes {_span(resolution_s)}")]
        )
    violations = [
        _off_grid(series, first + int(i), resolution_s) for i in np.flatnonzero(times_s % resolution_s)
    ]
    violations += [
        _gap(series, first + int(i) + 1, int(steps_s[i]), resolution_s)
        for i in np.flatnonzero((steps_s != resolution_s) & (steps_s % resolution_s == 0))
    ]
    raise InvalidSeriesError(sorted(violations, key=lambda violation: violation.row or 0))


def _off_grid(series: LoadSeries, index: int, resolution_s: int) -> Violation:
    row, line = series.place(index)
    message = f"{series.time_text(index)} is not on a step of {_span(resolution_s)}"
    return Violation("grid", message, row, line, series.time_column)


def _gap(series: LoadSeries, index: int, step_s: int, resolution_s: int) -> Violation:
    row, line = series.place(index)
    before, time = series.time_text(index - 1), series.time_text(index)
    missing = step_s // resolution_s - 1
    return Violation(
        "gap",
        f"{time} comes {_span(step_s)} after {before}: {missing} value{'s' * (missing > 1)} missing",
        row,
        line,
        series.time_column,
    )


def time_text(time_s: int | np.int64, zone: tzinfo) -> str:
    """A time with its offset, as errors show it."""
    return datetime.fromtimestamp(int(time_s), zone).isoformat(" ").replace(":00+", "+").replace(":00-", "-")


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if rest:
        return f"{seconds} s"
    days, part = divmod(minutes, 1440)
    if not part:
        return f"{days} day{'s' * (days > 1)}"
    return f"{minutes} minutes"
