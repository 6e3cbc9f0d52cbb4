"""A circuit breaker: a target that keeps failing is left alone."""

import time
from collections import deque

WINDOW_S = 10.0
LEAST_CALLS = 20
"""Fewer in the window prove nothing."""
FAILING = 0.5
"""Share of failures that opens it."""


class Breaker:
    """Opens by how calls end; stays open until it is told to close."""

    def __init__(self) -> None:
        """Closed."""
        self.is_open = False
        """Whether calls are kept from the target."""
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0

    def ended(self, *, failed: bool | None) -> None:
        """A call ended; None where that says nothing of the target, as when its caller went away."""
        if failed is None or self.is_open:
            return
        now = time.monotonic()
        self._calls.append((now, failed))
        self._failures += failed
        while self._calls[0][0] < now - WINDOW_S:
            self._failures -= self._calls.popleft()[1]
        self.is_open = len(self._calls) >= LEAST_CALLS and self._failures >= FAILING * len(self._calls)

    def close(self) -> None:
        """The target answers again: what was counted before is forgotten."""
        self.is_open = False
        self._calls.clear()
        self._failures = 0
