"""Bad networks between gateway and model server: the right error in time, and no connection left behind."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from tests.integration.faults.callers import Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import at_once, offer, recovered
from tests.integration.faults.proxy import GOOD, FaultProxy, Network
from tests.integration.faults.report import LONG, add_row
from tests.integration.faults.waiting import until

CAP_S = 3.0 if LONG else 1.5
CALLS = 10
BACK_S = 6.0

ANSWERED = {"200", "OK"}
TOO_LATE = {"504", "DEADLINE_EXCEEDED"}
UNAVAILABLE = {"503", "UNAVAILABLE"}


@dataclass(frozen=True)
class Fault:
    name: str
    network: Network
    codes: set[str]
    """What callers may be told."""


FAULTS = [
    Fault(f"latency of {CAP_S / 6:g} s", Network(latency_s=CAP_S / 6), ANSWERED),
    Fault(f"latency of {CAP_S * 2 / 3:g} s", Network(latency_s=CAP_S * 2 / 3), ANSWERED),
    Fault("latency of 10 s", Network(latency_s=10), TOO_LATE),
    Fault("trickle of 1 kB/s", Network(bytes_per_s=1000), TOO_LATE),
    Fault("reset", Network(reset=True), UNAVAILABLE),
    Fault("black hole", Network(black_hole=True), TOO_LATE),
    Fault("truncation", Network(truncate=True), UNAVAILABLE),
    Fault("half-open connection", Network(half_open=True), TOO_LATE),
]


@pytest.fixture(scope="module")
def proxy(all_servers):
    with FaultProxy(all_servers[0].port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def behind(home, proxy):
    with Gateway(home, [proxy.address], max_in_flight=64, timeout_s=CAP_S) as gateway:
        yield gateway


@pytest.fixture
async def callers_behind(behind, proxy, server):
    async with Callers(behind, cap_s=CAP_S) as callers:
        await recovered(callers)
        yield callers
        proxy.be(GOOD)
        proxy.cut()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_callers_are_told_in_time_and_no_connection_is_left(behind, proxy, callers_behind, fault):
    proxy.be(fault.network)
    outcomes = await at_once(callers_behind, CALLS)
    proxy.be(GOOD)
    healed = time.monotonic()
    recovered_s = await recovered(callers_behind) - healed
    row = add_row(fault.name, outcomes, recovered_s=recovered_s)
    assert {outcome.code for outcome in outcomes} <= fault.codes, row["codes"]
    assert max(outcome.took_s for outcome in outcomes) < CAP_S + 1
    assert recovered_s <= BACK_S
    await until(lambda: proxy.open <= 1 and behind.connections_to(proxy.port) <= 1)


async def test_a_connection_that_is_cut_is_made_again_at_once(home, proxy):
    # A gateway of its own: what failed before counts against a target for ten seconds.
    with Gateway(home, [proxy.address], max_in_flight=64, timeout_s=CAP_S) as gateway:
        async with Callers(gateway, cap_s=CAP_S) as callers:
            await recovered(callers)
            load = asyncio.create_task(offer(callers, per_s=40, seconds=4))
            for _ in range(3):
                await asyncio.sleep(1)
                proxy.cut()
            outcomes = await load
    add_row("connection cut three times under load", outcomes)
    # There is no other model server to turn to while this one's channel connects.
    assert {outcome.result for outcome in outcomes} <= {"answered", "refused cleanly"}
    assert sum(outcome.result == "answered" for outcome in outcomes) >= 0.95 * len(outcomes)


async def test_of_three_model_servers_one_black_hole_is_soon_left_alone(home, proxy, servers):
    targets = [proxy.address, *(server.address for server in servers[1:])]
    with Gateway(home, targets, max_in_flight=64, timeout_s=CAP_S) as gateway:
        async with Callers(gateway, cap_s=CAP_S) as callers:
            await recovered(callers, answers=20)
            proxy.be(Network(black_hole=True))
            try:
                first = await offer(callers, per_s=40, seconds=CAP_S + 1)
                later = await offer(callers, per_s=40, seconds=3)
            finally:
                proxy.be(GOOD)
    add_row("one of three model servers is a black hole, at first", first)
    add_row("one of three model servers is a black hole, once that is known", later)
    assert {outcome.code for outcome in first + later} <= ANSWERED | TOO_LATE
    assert sum(outcome.result != "answered" for outcome in first) <= 0.1 * len(first)
    assert {outcome.result for outcome in later} == {"answered"}
