"""What of a window a meter can hardly have measured: values that stand still, or are out of all range."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.runs import runs
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import Observed

Rule = Literal["flat", "range"]

_FLAT_S = 6 * 3600
"""Identical values for longer are worth a word."""

_FLAT_STEPS = 4
"""Where steps are long, so few say nothing."""

_ZERO_S = 24 * 3600
"""Zeros may be a night without feed-in, or a closed shop, where nobody knows better."""


@dataclass(frozen=True)
class Suspect:
    """A run of steps, `first` up to and without `end`."""

    rule: Rule
    message: str
    first: int
    end: int
    is_fault: bool
    """Whether it makes a forecast worthless, and is no mere curiosity."""


def suspects(load: LoadSeries, observed: Observed | None, *, resolution_s: int) -> list[Suspect]:
    """What is suspect of a window's load as it was measured; NaN, which is passed over, where it was not.

    Flat runs first, then those outside the range that the model was trained on, each oldest first.
    """
    is_known = ~np.isnan(load.kw)
    at = None if is_known.all() else np.flatnonzero(is_known)
    measured = _Measured(load, at, load.kw if at is None else load.kw[at])
    return [*_flat(measured, observed, resolution_s), *_outside(measured, observed)]


@dataclass(frozen=True)
class _Measured:
    """The steps of a window that have a value."""

    load: LoadSeries
    at: NDArray[np.intp] | None
    """Which they are; None: all."""
    kw: NDArray[np.float64]

    def suspect(self, rule: Rule, says: str, begin: int, end: int, *, is_fault: bool) -> Suspect:
        """A run of them, from `begin` up to and without `end`; `says` comes after how many from when on."""
        first, last = (step if self.at is None else int(self.at[step]) for step in (begin, end - 1))
        time = self.load.time_text(first)
        count = end - begin
        subject = f"{count} values from {time} on are" if count > 1 else f"the value of {time} is"
        return Suspect(rule, f"{subject} {says}", first, last + 1, is_fault)


def _flat(measured: _Measured, observed: Observed | None, resolution_s: int) -> Iterator[Suspect]:
    """A meter that froze at the end of a history is at fault; whatever comes after, it is well again."""
    kw = measured.kw
    longest = observed.longest_flat_steps if observed else 0
    limit = max(_FLAT_S // resolution_s, _FLAT_STEPS, longest)
    if not (kw[limit:] == kw[:-limit]).any():
        return  # as most windows, at no cost
    same = runs(kw[1:] == kw[:-1])
    for begin, last in same[same[:, 1] - same[:, 0] >= limit].tolist():
        count = last + 1 - begin
        if observed is None and kw[begin] == 0 and count <= _ZERO_S // resolution_s:
            continue
        known = f"; in the training data {longest} were at most" if observed else ""
        is_fault = last + 1 == kw.size
        yield measured.suspect("flat", f"all {kw[begin]:g} kW{known}", begin, last + 1, is_fault=is_fault)


def _outside(measured: _Measured, observed: Observed | None) -> Iterator[Suspect]:
    """Values further out than the range is wide are at fault."""
    kw = measured.kw
    if observed is None or not kw.size:
        return
    least, most = observed.min_kw, observed.max_kw
    if least <= kw.min() and kw.max() <= most:
        return
    width = most - least
    for begin, end in runs((kw < least) | (kw > most)).tolist():
        run = kw[begin:end]
        farthest = float(run[np.argmax(np.maximum(least - run, run - most))])
        far = f", the farthest {farthest:g} kW" if end - begin > 1 else f": {farthest:g} kW"
        says = f"outside the range of the training data, {least:g} to {most:g} kW{far}"
        is_fault = not least - width <= farthest <= most + width
        yield measured.suspect("range", says, begin, end, is_fault=is_fault)
