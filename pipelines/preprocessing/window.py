"""The window of a history that a forecast is made from: cut, mended where that is allowed, and looked at."""

from dataclasses import dataclass, replace

import numpy as np

from pipelines.errors import MAX_LISTED, Violation
from pipelines.preprocessing.faults import Suspect, suspects
from pipelines.preprocessing.gaps import Mended, Repair, mended_window, usually_filled
from pipelines.preprocessing.runs import runs
from pipelines.preprocessing.series import LoadSeries, last_window
from pipelines.spec import ForecastSpec


@dataclass(frozen=True)
class Tolerance:
    """What a caller puts up with in a history."""

    max_gap_steps: int | None = 0
    """Longest gap that is filled, steps; 0: none; None: as long as is usual for the model's steps."""
    fallback: bool = False
    """Whether a meter at fault is answered by the load of last week instead of by an error or the model."""

    @property
    def of_gaps(self) -> bool:
        """Whether values may be missing at all."""
        return self.max_gap_steps != 0 or self.fallback

    def gap_steps(self, resolution_s: int) -> int:
        """Longest gap that is filled, in steps of this length."""
        return usually_filled(resolution_s) if self.max_gap_steps is None else self.max_gap_steps


STRICT = Tolerance()


@dataclass(frozen=True)
class Window:
    """The newest steps of a history, as far back as a model sees, and what is to be said of them."""

    load: LoadSeries
    """Evenly spaced; where there is a fault, NaN is what cannot be relied on."""
    repaired: tuple[Repair, ...] = ()
    """Oldest first."""
    warnings: tuple[Violation, ...] = ()
    """The first MAX_LISTED of them."""
    fault: Violation | None = None
    """Why the model is not to be asked; None where it is, or where the caller takes nothing else."""


def window_of(series: LoadSeries, spec: ForecastSpec, tolerance: Tolerance = STRICT) -> Window:
    """The last window of a history.

    Raises InvalidSeriesError: too short, off the grid, another step than the model's, or a gap that is
    neither filled nor fallen back from.
    """
    mended = _cut(series, spec, tolerance)
    if mended.unfilled and not tolerance.fallback:
        raise mended.unfilled
    load = mended.load
    found = suspects(mended.measured, spec.observed, resolution_s=spec.resolution_s)
    if not found and not mended.unfilled:
        return Window(load, mended.repaired)
    rows = np.searchsorted(series.times_s, load.times_s[[suspect.first for suspect in found]])
    named = [
        Violation(suspect.rule, suspect.message, *series.place(row))
        for suspect, row in zip(found, rows.tolist(), strict=True)
    ]
    warnings = tuple(named[:MAX_LISTED])
    if not tolerance.fallback:
        return Window(load, mended.repaired, warnings)
    faults = [violation for violation, suspect in zip(named, found, strict=True) if suspect.is_fault]
    if mended.unfilled:
        faults.insert(0, mended.unfilled.violations[0])
    return Window(_reliable(mended, found), mended.repaired, warnings, faults[0] if faults else None)


def _reliable(mended: Mended, found: list[Suspect]) -> LoadSeries:
    """Without what is at fault, and without what was filled from it."""
    is_at_fault = np.zeros(mended.load.kw.size, np.bool_)
    for suspect in found:
        is_at_fault[suspect.first : suspect.end] |= suspect.is_fault
    kw = mended.load.kw.copy()
    for begin, end in runs(np.isnan(mended.measured.kw) | is_at_fault).tolist():
        if is_at_fault[begin:end].any():
            kw[begin:end] = np.nan
    return replace(mended.load, kw=kw)


def _cut(series: LoadSeries, spec: ForecastSpec, tolerance: Tolerance) -> Mended:
    if tolerance.of_gaps:
        return mended_window(
            series,
            window=spec.window,
            resolution_s=spec.resolution_s,
            grid_s=spec.grid_s,
            max_steps=tolerance.gap_steps(spec.resolution_s),
        )
    load = last_window(series, window=spec.window, resolution_s=spec.resolution_s, grid_s=spec.grid_s)
    return Mended(load, load)
