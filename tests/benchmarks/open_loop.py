"""Load that does not wait for answers: calls begin when they are due, whatever became of those before.

A caller that waits sends less just when a server is slow, and never sees most of what others would have
waited (coordinated omission). Here a call's latency counts from when it was due, even if it was sent late.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import numpy as np

from tests.integration.faults.callers import Result

MOST_OPEN = 4000
"""Calls under way at a time; those due beyond are not sent, and count as lost."""

PAUSE_S = 0.05
"""Of a caller who waits, after a call that was not answered."""

Call = Callable[[], Awaitable[Result]]


class Point(NamedTuple):
    """What became of calls that were due at one rate."""

    offered_per_s: float
    seconds: float
    """From the first call to the last answer, or the last call that was due."""
    latencies_s: Sequence[float]
    """Of those that were answered."""
    results: Counter[Result]

    @property
    def goodput_per_s(self) -> float:
        """Calls answered with a forecast, for each second it took."""
        return self.results["answered"] / self.seconds

    def figures(self) -> dict[str, object]:
        """Rates and percentiles, ms; no percentile where nothing was answered."""
        found: dict[str, object] = {
            "offered_per_s": round(self.offered_per_s, 1),
            "sent": self.results.total(),
            "goodput_per_s": round(self.goodput_per_s, 1),
            "results": dict(sorted(self.results.items())),
        }
        if self.latencies_s:
            p50, p99, p999 = np.percentile(np.array(self.latencies_s) * 1000, [50, 99, 99.9])
            found |= {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "p999_ms": round(p999, 2)}
        return found


def times_due_s(per_s: float, seconds: float, seed: int = 1) -> list[float]:
    """Random times (Poisson) at just that rate, the same ones each time for a seed."""
    gaps_s = np.random.default_rng(seed).exponential(1 / per_s, max(int(per_s * seconds), 1))
    due_s: list[float] = np.cumsum(gaps_s * (len(gaps_s) / per_s / gaps_s.sum())).tolist()
    return due_s


async def offer(call: Call, *, per_s: float, seconds: float, seed: int = 1) -> Point:
    """Calls at so many a second, due at random."""
    due_s = times_due_s(per_s, seconds, seed)
    latencies_s: list[float] = []
    results: Counter[Result] = Counter()
    began_s = time.perf_counter()

    async def one(at_s: float) -> None:
        result = await call()
        results[result] += 1
        if result == "answered":
            latencies_s.append(time.perf_counter() - began_s - at_s)

    under_way: set[asyncio.Task[None]] = set()
    for at_s in due_s:
        wait_s = at_s - (time.perf_counter() - began_s)
        # Also where it is late: those under way must get their turn.
        await asyncio.sleep(max(wait_s, 0))
        if len(under_way) >= MOST_OPEN:
            results["lost"] += 1
            continue
        task = asyncio.create_task(one(at_s))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way)
    return Point(per_s, max(float(due_s[-1]), time.perf_counter() - began_s), latencies_s, results)


async def capacity_per_s(call: Call, *, callers: int, seconds: float) -> float:
    """Calls answered a second by callers who do wait, each asking again once it has its answer."""
    began_s = time.perf_counter()
    answered = 0

    async def one() -> None:
        nonlocal answered
        while time.perf_counter() - began_s < seconds:
            result = await call()
            answered += result == "answered"
            if result != "answered":
                await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*(one() for _ in range(callers)))
    return answered / (time.perf_counter() - began_s)
