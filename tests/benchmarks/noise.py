"""Whether a machine was quiet enough for the ratios of a run to be those of the next."""

from collections.abc import Mapping, Sequence

import numpy as np

STEADY = 0.10
"""How much a ratio may differ from run to run."""


def said(what: str | None) -> list[str]:
    """As lines to print."""
    return [what] if what else []


def noise(samples_s: Mapping[str, Sequence[float]]) -> str | None:
    """What to say of a run whose first half and second half disagree; None where they do not.

    The series took turns, so each half is a run of its own: the ratio of any two medians must be the same in
    both, within STEADY.
    """
    drifts = {}
    for name, samples in samples_s.items():
        half = len(samples) // 2
        if half:
            drifts[name] = float(np.median(samples[half:]) / np.median(samples[:half]))
    if not drifts:
        return None
    least, most = min(drifts, key=drifts.__getitem__), max(drifts, key=drifts.__getitem__)
    apart = drifts[most] / drifts[least] - 1
    if apart <= STEADY:
        return None
    return (
        f"The machine is too noisy: {most} over {least} differs by {apart:.0%} between the two halves of the "
        f"run ({STEADY:.0%} is steady). Run it again with nothing else at work, or with more requests."
    )
