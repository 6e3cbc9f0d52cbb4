"""A model server that fails every call is left alone, and tried again by the gateway itself."""

import asyncio
import time

import pytest

from tests.data import week_file
from tests.integration.faults.callers import EDGES, Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import at_once, offer, recovered
from tests.integration.faults.report import add_row, percentile_ms

THRESHOLD = 20
HEALED_S = 6.0


@pytest.fixture(scope="module")
def fragile(home, all_servers):
    """A gateway of these tests' own: its breaker opens."""
    with Gateway(home, [all_servers[0].address], max_in_flight=64) as gateway:
        yield gateway


@pytest.fixture
async def fragile_callers(fragile, server):
    async with Callers(fragile) as callers:
        await recovered(callers)
        server.forget()
        yield callers


async def opened(callers, server):
    """Call until calls no longer reach the model server; how many did."""
    seen = -1
    async with asyncio.timeout(5):
        while len(server.record().windows) != seen:
            seen = len(server.record().windows)
            outcomes = await at_once(callers, 4)
            assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    return seen


async def test_it_opens_answers_at_once_and_closes_after_the_model_server_heals(fragile_callers, server):
    server.behave(code="UNAVAILABLE", everything=True)
    # Of the calls before it went wrong some are still counted, so it may take fewer than 20 that fail.
    assert THRESHOLD / 2 <= await opened(fragile_callers, server) <= THRESHOLD + 10
    server.forget()
    outcomes = await offer(fragile_callers, per_s=50, seconds=3)
    tries = len(server.record().windows)
    server.behave()
    began = time.monotonic()
    recovered_s = await recovered(fragile_callers) - began
    add_row("model server fails every call", outcomes, recovered_s=recovered_s, tries=tries)
    assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    assert {outcome.reason for outcome in outcomes} == {"MODEL_UNAVAILABLE"}
    assert tries <= 5
    assert percentile_ms(outcomes, 90) <= 50
    assert recovered_s <= HEALED_S


async def test_no_caller_waits_for_a_model_server_that_hangs_once_that_is_known(fragile_callers, server):
    server.behave(hang=True, everything=True)
    outcomes = await at_once(fragile_callers, THRESHOLD + 4, timeout_s=1.5)
    assert {outcome.code for outcome in outcomes} == {"504", "DEADLINE_EXCEEDED"}
    server.forget()
    outcomes = await offer(fragile_callers, per_s=20, seconds=4, timeout_s=1.5)
    record = server.record()
    assert record.peak <= 1
    assert len(record.windows) <= 4
    assert {outcome.result for outcome in outcomes} == {"refused cleanly"}
    server.behave()
    began = time.monotonic()
    assert await recovered(fragile_callers) - began <= HEALED_S


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
                                  "UNAUTHENTICATED", "FAILED_PRECONDITION", "OUT_OF_RANGE"])  # fmt: skip
async def test_errors_that_are_the_callers_do_not_open_it(callers, server, code):
    server.behave(code=code)
    await at_once(callers, 2 * THRESHOLD)
    assert len(server.record().windows) >= 2 * THRESHOLD
    server.behave()
    for edge in EDGES:
        assert (await callers.call(edge)).result == "answered"


async def test_callers_who_leave_do_not_open_it(callers, server):
    server.behave(delay_s=1)
    for _ in range(2):
        calls = [asyncio.create_task(callers.call(edge)) for edge in EDGES * THRESHOLD]
        await asyncio.sleep(0.5)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    server.behave()
    for edge in EDGES:
        assert (await callers.call(edge)).result == "answered"


async def test_bad_histories_do_not_open_it(gateway, callers, server):
    async with Callers(gateway, csv=week_file(671)) as careless:
        outcomes = await at_once(careless, 200)
    assert {outcome.code for outcome in outcomes} == {"422", "INVALID_ARGUMENT"}
    assert server.record().windows == []
    for edge in EDGES:
        assert (await callers.call(edge)).result == "answered"
