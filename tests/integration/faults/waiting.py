"""Waiting for what another process does."""

import asyncio
import time
from collections.abc import Callable


async def until(true: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Look again and again until it is so. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - nobody is there to set an event
            await asyncio.sleep(0.02)


def wait_until(true: Callable[[], bool], within_s: float) -> None:
    """The same, where there is no event loop."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
