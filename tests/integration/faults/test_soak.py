"""Hours of mixed load, in short: memory, handles and threads stay as they are."""

import asyncio
import os
import random
import statistics
from dataclasses import dataclass

import psutil

from tests.data import week_file
from tests.integration.faults.callers import EDGES, Callers, Outcome
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import recovered
from tests.integration.faults.report import add_row

SECONDS = float(os.environ.get("SOAK_S", "24"))
PER_S = 40
WARM_UP_S = min(60.0, SECONDS / 3)
CANCELLED, BAD_INPUT = 0.05, 0.02
ONE_FAULT_IN = 33
FAULTS = (
    {"code": "UNAVAILABLE"},
    {"code": "INTERNAL"},
    {"answer": "nan"},
    {"delay_s": 0.5},
    {"code": "UNAVAILABLE", "pushback_ms": 100},
)
EXPECTED = {"200", "OK", "422", "INVALID_ARGUMENT", "502", "INTERNAL"}
"""502 and INTERNAL are what INTERNAL and nonsense of the model server become; UNAVAILABLE is tried again."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    memory_mb: float
    handles: int
    """But for those of callers' connections."""
    threads: int


def sample(gateway: Gateway) -> Sample:
    process = psutil.Process(gateway.process.pid)
    return Sample(
        process.memory_info().rss / MEBIBYTE,
        process.num_fds() - gateway.connections_of_callers(),
        process.num_threads(),
    )


async def mixed_load(callers, careless, seconds) -> list[Outcome]:
    """Most calls are good; some have a bad history, some are left by their caller."""
    loop, rng = asyncio.get_running_loop(), random.Random(1)
    start_s = loop.time()
    calls = []
    outcomes: list[Outcome] = []

    async def one(edge: str, chance: float) -> None:
        if chance < CANCELLED:
            call = asyncio.create_task(callers.call(edge))
            await asyncio.sleep(rng.uniform(0, 0.02))
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        else:
            who = careless if chance < CANCELLED + BAD_INPUT else callers
            outcomes.append(await who.call(edge))

    for number in range(int(PER_S * seconds)):
        await asyncio.sleep(max(0, start_s + number / PER_S - loop.time()))
        calls.append(asyncio.create_task(one(EDGES[number % 2], rng.random())))
        if len(calls) >= PER_S:
            await asyncio.gather(*(call for call in calls if call.done()))
            calls = [call for call in calls if not call.done()]
    await asyncio.gather(*calls)
    return outcomes


async def misbehave(servers) -> None:
    """A few per cent of calls meet a fault, another kind every second."""
    for number in range(10**9):
        for server in servers:
            server.behave(every=ONE_FAULT_IN, **FAULTS[number % len(FAULTS)])
        await asyncio.sleep(1)
        if number % 10 == 0:
            for server in servers:
                server.forget()


async def watch(gateway: Gateway, samples: list[Sample]) -> None:
    while True:
        await asyncio.sleep(SECONDS / 120)
        samples.append(sample(gateway))


async def test_memory_handles_and_threads_stay_as_they_are(balancing, callers_of_three, servers):
    async with Callers(balancing, csv=week_file(671)) as careless:
        await mixed_load(callers_of_three, careless, WARM_UP_S)
        misbehaving = asyncio.create_task(misbehave(servers))
        samples: list[Sample] = []
        watching = asyncio.create_task(watch(balancing, samples))
        outcomes = await mixed_load(callers_of_three, careless, SECONDS - WARM_UP_S)
        for task in (misbehaving, watching):
            task.cancel()
        for server in servers:
            server.behave()
        await recovered(callers_of_three)
    third = len(samples) // 3
    first, last = samples[:third], samples[-third:]

    def grew(what: str) -> float:
        return statistics.median(getattr(s, what) for s in last) - statistics.median(
            getattr(s, what) for s in first
        )

    found = {what: round(grew(what), 2) for what in ("memory_mb", "handles", "threads")}
    most = {what: round(max(getattr(s, what) for s in samples), 1) for what in found}
    unexpected = [outcome for outcome in outcomes if outcome.code not in EXPECTED]
    add_row(f"soak of {SECONDS:.0f} s", outcomes, grew=found, most=most, unexpected=len(unexpected))
    assert len(unexpected) <= 0.005 * len(outcomes)  # another's load may stall a busy machine for seconds
    assert found["memory_mb"] < 4
    assert abs(found["handles"]) <= 5
    assert abs(found["threads"]) <= 2
