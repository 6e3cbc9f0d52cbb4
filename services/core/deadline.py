"""How long a caller still waits, and how much of that another service may have."""

import time
from dataclasses import dataclass

from services.core.errors import DeadlineError

RETURN_S = 0.02
"""Kept back of what another service is given: the way home takes time too."""

LEAST_S = 0.1
"""With less left, asking another service is work for nobody."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds until then; negative once it has passed."""
        return self.at_s - time.monotonic()

    def for_upstream_s(self) -> float:
        """Seconds a call to another service may take. Raises DeadlineError where asking is not worth it."""
        left_s = self.left_s
        if left_s < LEAST_S:
            raise DeadlineError("There was too little time left to ask the model")
        return left_s - RETURN_S
