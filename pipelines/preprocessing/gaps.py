"""Filling short gaps of a load history along straight lines."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import MAX_LISTED, InvalidSeriesError, Violation
from pipelines.preprocessing.runs import runs
from pipelines.preprocessing.series import LoadSeries, gap, misplaced, missing_text, too_short

MOST_FILLED = 96
"""Longest gap that may be filled, steps: a day of quarter-hours."""

_USUALLY_FILLED_S = 3600


def usually_filled(resolution_s: int) -> int:
    """Longest gap that is filled where nobody says how long, steps: an hour, but one step at least.

    >>> usually_filled(900), usually_filled(3600), usually_filled(86_400)
    (4, 1, 1)
    """
    return max(_USUALLY_FILLED_S // resolution_s, 1)


@dataclass(frozen=True)
class Repair:
    """A gap that was filled, as far as it is in the window."""

    since: datetime
    """Start of the first step that was missing, UTC."""
    until: datetime
    """End of the last one, UTC."""
    steps: int


@dataclass(frozen=True)
class Mended:
    """The newest steps of a history, evenly spaced."""

    load: LoadSeries
    """NaN where a gap was not filled."""
    measured: LoadSeries
    """What the history has of it; NaN elsewhere."""
    repaired: tuple[Repair, ...] = ()
    """Oldest first."""
    unfilled: InvalidSeriesError | None = None
    """The gaps that are left."""


def mended_window(
    series: LoadSeries, *, window: int, resolution_s: int, grid_s: int, max_steps: int
) -> Mended:
    """The newest `window` steps, gaps of up to `max_steps` filled from the value before to the one after.

    The value before may be older than the window. A gap at the very end has none after it and is left.
    Raises InvalidSeriesError: too short, off the grid, or another step than the model's.
    """
    if series.times_s.size >= window:
        newest = series.newest(window)
        if newest.is_even(resolution_s, grid_s) and not np.isnan(newest.kw).any():
            return Mended(newest, newest)
    start_s = int(series.times_s[-1]) - (window - 1) * resolution_s
    _refuse_others(series, start_s, window, resolution_s, grid_s)
    # As much more than the window as a gap may reach out of it.
    kw = _on_grid(series, start_s - max_steps * resolution_s, max_steps + window, resolution_s)
    times_s = np.arange(window, dtype=np.int64) * resolution_s + start_s
    filled = _between_neighbours(kw)
    repaired: list[Repair] = []
    unfilled_until_s: list[int] = []
    for begin, end in runs(np.isnan(kw)).tolist():
        first = max(begin, max_steps)
        if first >= end:
            continue
        since_s, until_s = (start_s + (step - max_steps) * resolution_s for step in (first, end))
        if end - begin > max_steps or end == kw.size:
            filled[first:end] = np.nan
            unfilled_until_s.append(until_s)
        else:
            repaired.append(Repair(_utc(since_s), _utc(until_s), end - first))
    return Mended(
        LoadSeries(times_s, filled[max_steps:], None, series.zone),
        LoadSeries(times_s, kw[max_steps:], None, series.zone),
        tuple(repaired),
        _unfilled(series, unfilled_until_s, resolution_s, max_steps) if unfilled_until_s else None,
    )


def _refuse_others(series: LoadSeries, start_s: int, window: int, resolution_s: int, grid_s: int) -> None:
    """Only gaps can be mended."""
    size = series.times_s.size
    if size < window and series.times_s[0] > start_s:
        raise too_short(size, window=window, resolution_s=resolution_s)
    faults = misplaced(series, int(np.searchsorted(series.times_s, start_s)), resolution_s, grid_s)
    if faults:
        raise InvalidSeriesError(faults)


def _on_grid(series: LoadSeries, start_s: int, steps: int, resolution_s: int) -> NDArray[np.float64]:
    """The loads of these steps, kW; NaN where there is none."""
    first = np.searchsorted(series.times_s, start_s)
    since_s = series.times_s[first:] - start_s
    is_on = since_s % resolution_s == 0
    kw = np.full(steps, np.nan)
    kw[since_s[is_on] // resolution_s] = series.kw[first:][is_on]
    return kw


def _between_neighbours(kw: NDArray[np.float64]) -> NDArray[np.float64]:
    """All gaps filled, those without a neighbour on one side with the other's value."""
    known = np.flatnonzero(~np.isnan(kw))
    if not known.size:
        return kw.copy()
    filled: NDArray[np.float64] = np.interp(np.arange(kw.size), known, kw[known])
    return filled


def _unfilled(
    series: LoadSeries, until_s: list[int], resolution_s: int, max_steps: int
) -> InvalidSeriesError:
    """The gaps that end at these times, the first of them named."""
    known = np.flatnonzero(~np.isnan(series.kw))
    after = np.searchsorted(series.times_s[known], until_s[:MAX_LISTED])
    named = [_gap(series, known, at, resolution_s, max_steps) for at in after.tolist()]
    return InvalidSeriesError(named, len(until_s))


def _gap(
    series: LoadSeries, known: NDArray[np.intp], at: int, resolution_s: int, max_steps: int
) -> Violation:
    """One by the row that it begins at, or that comes after it.

    `known` are the rows with a value, of which `at` comes after the gap.
    """
    index = int(known[at - 1]) + 1 if at else 0
    row, line = series.place(index)
    if at == known.size:
        missing = missing_text(series.times_s.size - index)
        return Violation("gap", f"{missing} at the end: none comes after to fill up to", row, line)
    after = int(known[at])
    if not at:
        time = series.time_text(after)
        return Violation("gap", f"{missing_text(after)} before the first, of {time}", row, line)
    fault = gap(series, index, resolution_s, after)
    limit = f"; at most {max_steps} are filled" if max_steps else ""
    return replace(fault, message=fault.message + limit)


def _utc(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
