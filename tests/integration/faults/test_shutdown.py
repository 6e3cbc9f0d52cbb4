"""SIGTERM: readiness says no first, the ports close later, calls in flight are finished, and it ends."""

import asyncio
import time
from contextlib import contextmanager

import pytest

from tests.integration.faults.callers import Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import at_once
from tests.integration.faults.report import add_row
from tests.integration.faults.waiting import until

IN_FLIGHT = 50


@pytest.fixture
def gateway_with(home, server):
    @contextmanager
    def started(**settings):
        with Gateway(home, [server.address], **{"max_in_flight": 64, **settings}) as gateway:
            yield gateway

    return started


async def in_flight(server, count):
    await until(lambda: len(server.record().windows) >= count, within_s=10)


async def ended(gateway, *, within_s):
    return await asyncio.to_thread(gateway.process.wait, within_s)


async def test_fifty_calls_in_flight_are_answered_while_readiness_says_no(gateway_with, server):
    with gateway_with(shutdown_delay_s=1, timeout_s=10) as gateway:
        async with Callers(gateway, cap_s=10) as callers:
            server.behave(delay_s=3)
            calls = asyncio.create_task(at_once(callers, IN_FLIGHT))
            await in_flight(server, IN_FLIGHT)
            told = gateway.terminate()
            not_ready_s = await asyncio.to_thread(gateway.wait_for, "/readyz", 503, within_s=1)
            health = await asyncio.to_thread(gateway.health)
            server.behave(delay_s=0.1)
            late = await at_once(callers, 4)  # whoever has not noticed yet
            outcomes = [*await calls, *late]
            status = await ended(gateway, within_s=15)
            ended_s = time.monotonic() - told
    add_row(
        f"SIGTERM with {IN_FLIGHT} calls in flight", outcomes, not_ready_s=round(not_ready_s, 3),
        ended_s=round(ended_s, 2), exit_status=status,
    )  # fmt: skip
    assert [outcome.code for outcome in outcomes if outcome.result != "answered"] == []
    assert health == "NOT_SERVING"
    assert status == 0
    assert not gateway.listens()


async def test_after_the_delay_nobody_new_is_let_in(gateway_with, server):
    with gateway_with(shutdown_delay_s=0.5) as gateway:
        async with Callers(gateway) as callers, Callers(gateway) as newcomers:
            server.behave(delay_s=2.5)
            calls = asyncio.create_task(at_once(callers, 10))
            await in_flight(server, 10)
            told = gateway.terminate()
            await until(lambda: not gateway.listens(), within_s=2.2)
            closed_s = time.monotonic() - told
            turned_away = await at_once(newcomers, 4)
            outcomes = await calls
    assert closed_s >= 0.4
    assert {outcome.code for outcome in turned_away} == {"ConnectionRefusedError", "UNAVAILABLE"}
    assert {outcome.result for outcome in outcomes} == {"answered"}


async def test_idle_callers_do_not_hold_it_up(gateway_with):
    with gateway_with() as gateway:
        async with Callers(gateway) as callers:
            await at_once(callers, 10)
            told = gateway.terminate()
            assert await ended(gateway, within_s=10) == 0
            assert time.monotonic() - told < 8  # of 10 s that calls in flight would have


async def test_calls_that_outlive_the_drain_are_cut_off_and_told_of(gateway_with, server):
    with gateway_with(timeout_s=30, drain_s=1) as gateway:
        async with Callers(gateway, cap_s=30) as callers:
            server.behave(hang=True)
            calls = asyncio.create_task(at_once(callers, 4))
            await in_flight(server, 4)
            told = gateway.terminate()
            status = await ended(gateway, within_s=10)
            ended_s = time.monotonic() - told
            outcomes = await calls
    add_row("calls that outlive the drain of 1 s", outcomes, ended_s=round(ended_s, 2), exit_status=status)
    assert status != 0
    assert max(outcome.took_s for outcome in outcomes) < 10
    assert {outcome.code for outcome in outcomes} == {"503", "UNAVAILABLE"}
    assert {(outcome.result, outcome.reason) for outcome in outcomes} == {("refused cleanly", "STOPPING")}
    assert 0.9 <= ended_s <= 1 + 3  # of which the end of a process takes most where others are busy


async def test_a_second_signal_ends_it_at_once(gateway_with, server):
    with gateway_with(timeout_s=30, drain_s=30) as gateway:
        async with Callers(gateway, cap_s=30) as callers:
            server.behave(hang=True)
            calls = asyncio.create_task(at_once(callers, 2))
            await in_flight(server, 2)
            gateway.terminate()
            await asyncio.sleep(0.5)
            assert gateway.process.poll() is None
            again = gateway.terminate()
            status = await ended(gateway, within_s=10)
            ended_s = time.monotonic() - again
            await calls
    assert status != 0
    assert ended_s < 2
