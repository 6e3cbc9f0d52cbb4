"""A load history in UTC, and the window of it a model sees."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

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
    """Mean power of each step, shape (time,), kW, finite; NaN where an even series has no value."""
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

    def newest(self, count: int) -> "LoadSeries":
        """The last `count` steps, of which there must be as many."""
        first = self.times_s.size - count
        lines = None if self.lines is None else self.lines[first:]
        return replace(self, times_s=self.times_s[first:], kw=self.kw[first:], lines=lines)

    def is_even(self, resolution_s: int, grid_s: int) -> bool:
        """Whether the steps begin at `grid_s` after midnight UTC and every `resolution_s`, none left out."""
        is_off = (self.times_s[0] - grid_s) % resolution_s
        return not (is_off or (np.diff(self.times_s) != resolution_s).any())


def regular_series(
    start: datetime,
    kw: NDArray[np.float64],
    *,
    resolution_s: int,
    grid_s: int = 0,
    may_miss: bool = False,
) -> LoadSeries:
    """A series of evenly spaced values, kW, from the start of its first step.

    Raises InvalidSeriesError where the start has no offset or is not on a step, where there are no
    values or the first or last lies outside the years taken, and names values that are not finite; NaN,
    which is no value, is one of them unless some `may_miss`.
    """
    if start.tzinfo is None:
        raise InvalidSeriesError([Violation("time", "start needs an offset from UTC, e.g. a final Z")])
    start_s = start.timestamp()
    if (start_s - grid_s) % resolution_s:
        message = f"start is not on a step of {_span(resolution_s)}: {start.isoformat()}"
        raise InvalidSeriesError([Violation("grid", f"{message}{_from(grid_s)}")])
    if not kw.size:
        raise InvalidSeriesError([Violation("length", "the series has no values")])
    if kw.size > MAX_STEPS:
        raise InvalidSeriesError([Violation("length", f"the series has over {MAX_STEPS:,} values")])
    end_s = start_s + resolution_s * kw.size
    if start_s < EARLIEST_S or end_s > LATEST_S:
        raise InvalidSeriesError([Violation("time", "times must lie between 1970 and 2100")])
    is_bad = ~(np.abs(kw) <= MAX_VALUE_KW)
    if may_miss:
        is_bad &= ~np.isnan(kw)
    bad = np.flatnonzero(is_bad)
    if bad.size:
        raise InvalidSeriesError([_no_power(kw[i], i + 1) for i in bad[:MAX_LISTED].tolist()], bad.size)
    return LoadSeries(np.arange(kw.size, dtype=np.int64) * resolution_s + int(start_s), kw)


def _no_power(kw: np.float64, row: int) -> Violation:
    if np.isnan(kw):
        message = "no value: those may be missing only where gaps are filled or a fallback is allowed"
        return Violation("gap", message, row, column="kw")
    return Violation("value", f"{kw} is not a power in kW", row, column="kw")


def last_window(series: LoadSeries, *, window: int, resolution_s: int, grid_s: int) -> LoadSeries:
    """The newest `window` steps, checked to lie on the grid (see `is_even`) without a gap.

    Raises InvalidSeriesError: too short, off the grid, a gap, or another step than the model's.
    """
    size = series.times_s.size
    if size < window:
        raise too_short(size, window=window, resolution_s=resolution_s)
    newest = series.newest(window)
    if newest.is_even(resolution_s, grid_s):
        return newest
    first = size - window
    faults = misplaced(series, first, resolution_s, grid_s)
    steps_s = np.diff(newest.times_s)
    faults += [
        gap(series, first + int(i) + 1, resolution_s)
        for i in np.flatnonzero((steps_s != resolution_s) & (steps_s % resolution_s == 0))
    ]
    raise InvalidSeriesError(sorted(faults, key=lambda fault: fault.row or 0))


def too_short(size: int, *, window: int, resolution_s: int) -> InvalidSeriesError:
    """There are fewer rows than a window has."""
    needed = f"{window} rows are needed (the last {_span(window * resolution_s)})"
    return InvalidSeriesError([Violation("length", f"{needed}, there are {size}")])


def misplaced(series: LoadSeries, first: int, resolution_s: int, grid_s: int) -> list[Violation]:
    """The rows from `first` on that lie off the grid.

    Raises InvalidSeriesError where most rows are another step apart than the model's.
    """
    times_s = series.times_s[first:]
    usual_s = int(np.median(np.diff(times_s))) if times_s.size > 1 else resolution_s
    if usual_s != resolution_s:
        message = f"the rows are {_span(usual_s)} apart, the model takes {_span(resolution_s)}"
        raise InvalidSeriesError([Violation("step", message)])
    off = np.flatnonzero((times_s - grid_s) % resolution_s)
    return [_off_grid(series, first + int(i), resolution_s, grid_s) for i in off]


def _off_grid(series: LoadSeries, index: int, resolution_s: int, grid_s: int) -> Violation:
    row, line = series.place(index)
    message = f"{series.time_text(index)} is not on a step of {_span(resolution_s)}{_from(grid_s)}"
    return Violation("grid", message, row, line, series.time_column)


def _from(grid_s: int) -> str:
    """Where steps are counted from, for errors; nothing where that is midnight UTC."""
    return f", counted from {_span(grid_s)} after midnight UTC" if grid_s else ""


def gap(series: LoadSeries, index: int, resolution_s: int, after: int | None = None) -> Violation:
    """Steps are missing before row `after`, which is `index` itself unless some rows have no value."""
    row, line = series.place(index)
    last = index if after is None else after
    step_s = int(series.times_s[last] - series.times_s[index - 1])
    return Violation(
        "gap",
        f"{series.time_text(last)} comes {_span(step_s)} after {series.time_text(index - 1)}: "
        f"{missing_text(step_s // resolution_s - 1)}",
        row,
        line,
        series.time_column,
    )


def missing_text(count: int) -> str:
    """How many values are missing, as errors say it."""
    return f"{count} value{'s' * (count > 1)} missing"


def time_text(time_s: int | np.int64, zone: tzinfo) -> str:
    """A time with its offset, as errors show it."""
    return datetime.fromtimestamp(int(time_s), zone).isoformat(" ").replace(":00+", "+").replace(":00-", "-")


def _span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if rest:
        return f"{seconds} s"
    days, part = divmod(minutes, 1440)
    if days and not part:
        return f"{days} day{'s' * (days > 1)}"
    hours, part = divmod(minutes, 60)
    return f"{hours} hours" if not part and hours > 1 else f"{minutes} minutes"
