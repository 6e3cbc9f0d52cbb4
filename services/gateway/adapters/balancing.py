"""Which model server a call goes to, and what becomes of one that fails: the only layer that retries."""

import asyncio
import random
import time
from collections.abc import Sequence
from itertools import count

import grpc
import grpc.aio

from services.core.errors import ModelUnavailableError
from services.gateway.adapters.targets import Target
from services.gateway.metrics import RETRIES

MAX_ATTEMPTS = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0

_PUSHBACK = "grpc-retry-pushback-ms"
_BEST_FIRST = {
    grpc.ChannelConnectivity.READY: 0,
    grpc.ChannelConnectivity.IDLE: 1,
    grpc.ChannelConnectivity.CONNECTING: 2,
    grpc.ChannelConnectivity.TRANSIENT_FAILURE: 3,
    grpc.ChannelConnectivity.SHUTDOWN: 4,
}


class RetryBudget:
    """Retries stop where failures outweigh successes: they would only add to the load (gRFC A6)."""

    TOKENS = 10.0
    RATIO = 0.1
    """Of a token, for each success."""

    def __init__(self) -> None:
        """Full."""
        self._tokens = self.TOKENS

    def succeeded(self) -> None:
        """A call did."""
        self._tokens = min(self.TOKENS, self._tokens + self.RATIO)

    def failed(self) -> None:
        """An attempt did, in a way that might be retried."""
        self._tokens = max(0.0, self._tokens - 1)

    @property
    def allows(self) -> bool:
        """Whether another attempt may be made."""
        return self._tokens > self.TOKENS / 2


class Balancer:
    """Calls go to targets that are connected and well, of those to the least busy, of those by turns."""

    def __init__(self, targets: Sequence[Target]) -> None:
        """Share calls out among these, at least one."""
        self.targets = tuple(targets)
        self._turns = list(self.targets)
        """Whoever waited longest for a call comes first."""
        self._budget = RetryBudget()

    async def call(self, method: str, message: bytes, *, timeout_s: float) -> bytes:
        """The answer of one target to an encoded message that may be sent twice without harm.

        UNAVAILABLE is retried, elsewhere where there is an elsewhere; so is NOT_FOUND, as one target may
        have a version that another has not. Raises grpc.aio.AioRpcError, or ModelUnavailableError where
        every target is left alone by its breaker.
        """
        ends_at = time.monotonic() + timeout_s
        tried: list[Target] = []
        for attempt in count(1):
            target = self._next(tried)
            if target is None:
                raise ModelUnavailableError("The model server does not answer; try again in a moment")
            tried.append(target)
            try:
                answer = await target.call(method, message, timeout_s=max(ends_at - time.monotonic(), 0))
            except grpc.aio.AioRpcError as error:
                pause_s = self._pause_s(error, tried, attempt)
                if pause_s is None or time.monotonic() + pause_s >= ends_at:
                    raise
                RETRIES.labels(target.address).inc()
                await asyncio.sleep(pause_s)
            else:
                self._budget.succeeded()
                return answer
        raise AssertionError  # the loop has no end of its own

    async def call_each(
        self, method: str, message: bytes, *, timeout_s: float
    ) -> list[bytes | grpc.aio.AioRpcError]:
        """What every target that is not left alone answers or fails with, in no order."""

        async def ask(target: Target) -> bytes | grpc.aio.AioRpcError:
            try:
                return await target.call(method, message, timeout_s=timeout_s)
            except grpc.aio.AioRpcError as error:
                return error

        return await asyncio.gather(*(ask(target) for target in self.targets if not target.breaker.is_open))

    async def close(self) -> None:
        """Close every channel."""
        await asyncio.gather(*(target.close() for target in self.targets))

    def _next(self, tried: Sequence[Target]) -> Target | None:
        """The best that was not tried yet, else the best at all; of equals, whose turn it is.

        The least busy first, as one that hangs keeps its calls: it gets few that are missed elsewhere.
        """
        found = min(
            (target for target in self._turns if not target.breaker.is_open),
            key=lambda target: (target in tried, _BEST_FIRST[target.state], target.calls),
            default=None,
        )
        if found:
            self._turns.remove(found)
            self._turns.append(found)
        return found

    def _pause_s(self, error: grpc.aio.AioRpcError, tried: Sequence[Target], attempt: int) -> float | None:
        """How long to wait before the next attempt; None: there is none."""
        has_elsewhere = len(set(tried)) < len(self.targets)
        if error.code() is grpc.StatusCode.NOT_FOUND and has_elsewhere:
            return 0.0
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            return None
        self._budget.failed()
        if attempt >= MAX_ATTEMPTS or not self._budget.allows:
            return None
        pushback = {str(key): str(value) for key, value in error.trailing_metadata() or ()}.get(_PUSHBACK)
        if pushback is not None:
            # What is not a time means: not again.
            return int(pushback) / 1000 if pushback.isdecimal() else None
        if has_elsewhere:
            return 0.0
        pause_s: float = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        return pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads callers, keeps no secret
