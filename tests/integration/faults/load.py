"""Open-loop load: calls are sent at a fixed rate, whatever becomes of those before."""

import asyncio
from collections.abc import Sequence

from tests.integration.faults.callers import EDGES, Callers, Outcome

ELSEWHERE = {
    "503",
    "UNAVAILABLE",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "IncompleteReadError",
    "SSLEOFError",
}
"""How a call ends that a balancer sends to the other gateway: it was not taken, or cut off."""


async def offer(
    callers: Callers,
    *,
    per_s: float,
    seconds: float,
    edges: Sequence[str] = EDGES,
    timeout_s: float | None = None,
) -> list[Outcome]:
    """Send `per_s` calls each second, the edges by turns; how each ended, in the order of sending."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    calls = []
    for number in range(int(per_s * seconds)):
        wait_s = start_s + number / per_s - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        calls.append(asyncio.create_task(callers.call(edges[number % len(edges)], timeout_s=timeout_s)))
    return await asyncio.gather(*calls)


async def at_once(
    callers: Callers, count: int, *, edges: Sequence[str] = EDGES, timeout_s: float | None = None
) -> list[Outcome]:
    """So many calls at the same time, the edges by turns."""
    calls = (callers.call(edges[number % len(edges)], timeout_s=timeout_s) for number in range(count))
    return await asyncio.gather(*calls)


async def without_pause(
    callers: Callers, count: int, *, seconds: float, edges: Sequence[str] = EDGES
) -> list[Outcome]:
    """Closed loop: so many callers, each calling again once it has its answer."""
    until_s = asyncio.get_running_loop().time() + seconds

    async def one(edge: str) -> list[Outcome]:
        outcomes = []
        while asyncio.get_running_loop().time() < until_s:
            outcomes.append(await callers.call(edge))
        return outcomes

    found = await asyncio.gather(*(one(edges[number % len(edges)]) for number in range(count)))
    return [outcome for outcomes in found for outcome in outcomes]


async def recovered(callers: Callers, *, answers: int = 4, within_s: float = 15.0) -> float:
    """Call until so many in a row were answered, a few at a time; when the first of them was sent.

    That closes breakers, and 100 earn all retries back.
    """
    async with asyncio.timeout(within_s):
        row: list[Outcome] = []
        while len(row) < answers:
            outcomes = await at_once(callers, min(answers, 10))
            if all(outcome.result == "answered" for outcome in outcomes):
                row += outcomes
            else:
                row = []
                await asyncio.sleep(0.1)
    return row[0].began_s


async def answered_by_either(both: Sequence[Callers], number: int) -> Outcome:
    """A call to one of two gateways, and to the other where that one does not take it; `number` says which
    and by which edge."""
    edge = EDGES[number // 2 % 2]
    outcome = await both[number % 2].call(edge)
    if outcome.code in ELSEWHERE:
        outcome = await both[(number + 1) % 2].call(edge)
    return outcome
