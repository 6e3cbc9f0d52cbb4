"""How many forecasts each caller may have a minute, so that none takes what others need."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.core.errors import OverloadedError, OverQuotaError

_PERIOD_S = 60.0

MOST_STREAMS = 16
"""Of a caller at a time: each holds a history while it waits for its turn."""

_MOST_KNOWN = 10_000
"""Callers remembered before those that owe nothing are forgotten."""


class Quotas:
    """The same for every caller: a minute's forecasts at once, then as fast as they grow back.

    A caller is remembered by one number, the time at which all it had will have grown back (the generic
    cell rate algorithm, ITU-T I.371).
    """

    def __init__(self, per_minute: int) -> None:
        """Nobody has had any."""
        self._per_minute = per_minute
        self._each_s = _PERIOD_S / per_minute
        self._streams: Counter[str] = Counter()
        self._even_at_s: dict[str, float] = {}
        """On the monotonic clock."""

    def take(self, caller: str, forecasts: int = 1) -> None:
        """Count forecasts as had. Raises OverQuotaError where there is no room for them."""
        wait_s = self._wait_s(caller, forecasts)
        if wait_s > 0:
            raise OverQuotaError(self._per_minute, math.ceil(wait_s))
        self._had(caller, forecasts)

    async def turn(self, caller: str) -> None:
        """Count one as had, and wait until there is room for it: each behind those who came before."""
        wait_s = self._wait_s(caller, 1)
        self._had(caller, 1)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    @contextmanager
    def stream(self, caller: str) -> Iterator[None]:
        """One more stream of a caller's, until the end of the block. Raises OverloadedError above so many."""
        if self._streams[caller] >= MOST_STREAMS:
            raise OverloadedError(f"You have {MOST_STREAMS} streams open; one takes any number of histories")
        self._streams[caller] += 1
        try:
            yield
        finally:
            self._streams[caller] -= 1
            if not self._streams[caller]:
                del self._streams[caller]

    def _wait_s(self, caller: str, forecasts: int) -> float:
        """Until there is room; more than a minute's at once have it where nothing was had."""
        owed_s = self._even_at_s.get(caller, 0.0) - time.monotonic()
        return min(owed_s, owed_s + forecasts * self._each_s - _PERIOD_S)

    def _had(self, caller: str, forecasts: int) -> None:
        now = time.monotonic()
        if len(self._even_at_s) >= _MOST_KNOWN:
            self._even_at_s = {who: at_s for who, at_s in self._even_at_s.items() if at_s > now}
        self._even_at_s[caller] = max(now, self._even_at_s.get(caller, now)) + forecasts * self._each_s
