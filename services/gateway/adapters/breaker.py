"""A circuit breaker: a target that keeps failing is left alone, and tried again by one call at a time."""

import time
from collections import deque

WINDOW_S = 10.0
LEAST_CALLS = 20
"""Fewer in the window prove nothing."""
FAILING = 0.5
"""Share of failures that opens it."""
PAUSE_S = 1.0
"""Between two calls that try whether an open one may close."""


class Breaker:
    """Closed while calls go through; every call that `admits` let pass has to be told of by `ended`."""

    def __init__(self) -> None:
        """Closed."""
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._tried_again_at: float | None = None
        """When an open one lets the next call try; None while closed."""
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether calls are kept from the target."""
        return self._tried_again_at is not None

    def admits(self) -> bool:
        """Whether a call may go now; of an open one's callers, one that tries."""
        if self._tried_again_at is None:
            return True
        if self._is_trying or time.monotonic() < self._tried_again_at:
            return False
        self._is_trying = True
        return True

    def ended(self, *, failed: bool | None) -> None:
        """A call ended; None where that says nothing of the target, as when its caller went away."""
        if self._tried_again_at is not None:
            self._tried(failed=failed)
        elif failed is not None:
            self._count(time.monotonic(), failed=failed)

    def _tried(self, *, failed: bool | None) -> None:
        """Those that were under way when it opened count as tries too."""
        self._is_trying = False
        if failed is False:
            self._tried_again_at = None
            self._calls.clear()
            self._failures = 0
        elif failed:
            self._tried_again_at = time.monotonic() + PAUSE_S

    def _count(self, now: float, *, failed: bool) -> None:
        self._calls.append((now, failed))
        self._failures += failed
        while self._calls[0][0] < now - WINDOW_S:
            self._failures -= self._calls.popleft()[1]
        if len(self._calls) >= LEAST_CALLS and self._failures >= FAILING * len(self._calls):
            self._tried_again_at = now + PAUSE_S
