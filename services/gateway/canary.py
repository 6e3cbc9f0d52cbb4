"""A new version on trial: which callers it answers, how it does, and when it is given up."""

import hashlib
import logging
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway.metrics import CANARY_CALLS, CANARY_DIFFERENCE, later

log = logging.getLogger(__name__)

_REMEMBERED = 50
"""Calls that a verdict looks back on."""
_MOST_FAILED_SHARE, _MOST_FAILED = 0.1, 2
"""Failures that are put up with: both have to be passed."""
_ENOUGH = 10
"""Calls to judge differences by."""


@dataclass(frozen=True)
class Terms:
    """What a canary gets, and what ends its trial."""

    share: float
    """Of the callers."""
    max_difference: float
    """Mean absolute difference from the stable version's forecasts, in standard deviations of its load."""


NO_TRIALS = Terms(share=0.0, max_difference=1.0)


class Trial:
    """One version of one model, tried beside the stable one."""

    def __init__(self, model: str, version: int, terms: Terms) -> None:
        """Nobody was answered by it yet."""
        self.version = version
        self.terms = terms
        self.problem: str | None = None
        """Why it was given up; None while it is tried."""
        self._model = model
        self._failed: deque[bool] = deque(maxlen=_REMEMBERED)
        self._differences: deque[float] = deque(maxlen=_REMEMBERED)

    def takes(self, caller: str) -> bool:
        """Whether a caller is among those who are answered by it: always the same ones."""
        if self.problem is not None:
            return False
        digest = hashlib.sha256(f"{self._model}/{self.version}/{caller}".encode()).digest()
        return int.from_bytes(digest[:8]) < self.terms.share * 2**64

    def answered(
        self, kw: NDArray[np.float64], stable_kw: NDArray[np.float64] | None, load_std: float
    ) -> None:
        """It answered; the stable version, asked the same, so where it answered at all."""
        later(CANARY_CALLS.labels(self._model, "answered").inc)
        self._failed.append(False)
        if stable_kw is not None:
            difference = float(np.abs(kw - stable_kw).mean()) / load_std
            later(CANARY_DIFFERENCE.labels(self._model).observe, difference)
            self._differences.append(difference)
            self._judge_differences()

    def failed(self, error: Exception) -> None:
        """It did not answer; its caller got the stable version's forecast."""
        later(CANARY_CALLS.labels(self._model, "failed").inc)
        self._failed.append(True)
        failures = sum(self._failed)
        if failures > _MOST_FAILED and failures > _MOST_FAILED_SHARE * len(self._failed):
            self.give_up(f"{failures} of its last {len(self._failed)} calls failed, the last one: {error}")

    def _judge_differences(self) -> None:
        # Not the mean: one caller's history in another unit must not end a trial.
        median = float(np.median(self._differences))
        # Not a plain comparison: what is not a number strays, too.
        if len(self._differences) >= _ENOUGH and not median <= self.terms.max_difference:
            self.give_up(
                f"its forecasts stray from the stable version's by {median:.2f} standard deviations of the "
                f"load in the median of {len(self._differences)} calls; {self.terms.max_difference:g} are "
                "allowed"
            )

    def give_up(self, why: str) -> None:
        """Ask it no more. The stable version answers everybody until there is another canary."""
        if self.problem is None:
            self.problem = why
            log.warning("model %s: canary version %d is given up: %s", self._model, self.version, why)
