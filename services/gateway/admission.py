"""How many forecasts are at work at a time, how many wait, and who is sent away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.core.deadline import Deadline
from services.core.errors import OverloadedError
from services.gateway.metrics import ADMISSION_SECONDS, timed


class Admission:
    """So many places at work, and a queue before them that is bounded in length and in time.

    Without it a gateway that is asked for more than it can do answers everybody too late; with it, most in
    time and the others at once that they should come again.
    """

    def __init__(self, at_work: int, waiting: int, wait_s: float) -> None:
        """Nobody is at work yet."""
        self._places = asyncio.Semaphore(at_work)
        self._most_waiting = waiting
        self._most_inside = at_work + waiting
        self._inside = 0
        self._wait_s = wait_s
        self.at_work = 0
        self.waiting = 0

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now is sent away."""
        return self._inside >= self._most_inside

    def check(self) -> None:
        """Raise OverloadedError where it is full."""
        if self.is_full:
            raise full()

    def enter(self) -> None:
        """Be inside until `leave`: from the door to the answer, but for the time one waits for its caller."""
        self._inside += 1

    def leave(self) -> None:
        """Make room for another."""
        self._inside -= 1

    @asynccontextmanager
    async def place(self, deadline: Deadline | None = None) -> AsyncIterator[None]:
        """A place at work, first come first served. Raises OverloadedError where there is none in time.

        Without a deadline it is waited for: by those whose own callers are held back meanwhile.
        """
        with timed(ADMISSION_SECONDS):
            if deadline:
                await self._wait(deadline)
            else:
                await self._places.acquire()
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1
            self._places.release()

    async def _wait(self, deadline: Deadline) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        if self.waiting >= self._most_waiting:
            raise full()
        self.waiting += 1
        try:
            async with asyncio.timeout(min(self._wait_s, deadline.left_s)):
                await self._places.acquire()
        except TimeoutError:
            raise OverloadedError(
                "The forecast waited for its turn as long as it may; try again in a moment"
            ) from None
        finally:
            self.waiting -= 1


def full() -> OverloadedError:
    """What whoever comes to a full house is told."""
    return OverloadedError("More forecasts wait than this gateway takes; try again in a moment")
