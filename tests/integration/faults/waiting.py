"""Waiting for what another process does."""

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Look again and again until it is so. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - nobody is there to set an event
            await asyncio.sleep(0.02)
