"""Every call has a deadline that travels on, and a caller who leaves takes the call along."""

import asyncio
import statistics
import time

import pytest

from tests.integration.faults.callers import EDGES, HTTPS, RPC
from tests.integration.faults.load import at_once
from tests.integration.faults.waiting import until

CAP_S = 3.0
MARGIN_S = 0.020
REUSED = 1.03
"""gRPC sends a deadline it sent before where that is later by so much, and keeps the right one itself."""
AT_ONCE = 20
DEADLINE = {HTTPS: ("504", "DEADLINE_EXCEEDED"), RPC: ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")}


def said(outcome):
    return outcome.code, outcome.reason


@pytest.mark.parametrize("edge", EDGES)
async def test_the_model_server_sees_the_callers_deadline_less_a_margin(callers, server, edge):
    for _ in range(10):  # it is a short one
        if (await callers.call(edge, timeout_s=0.25)).result == "answered":
            break
    call = server.record().windows[-1]
    assert 0.1 < call.deadline_s <= (0.25 * REUSED - MARGIN_S) * REUSED


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("given_s", [None, 30.0])
async def test_without_a_deadline_or_with_too_late_a_one_the_gateways_own_travels_on(
    callers, server, edge, given_s
):
    assert (await callers.call(edge, timeout_s=given_s)).result == "answered"
    (call,) = server.record().windows
    assert CAP_S / 2 < call.deadline_s <= CAP_S * REUSED


@pytest.mark.parametrize("edge", EDGES)
async def test_with_too_little_time_left_the_model_server_is_not_asked(callers, server, edge):
    outcome = await callers.call(edge, timeout_s=0.09)
    assert outcome.code == DEADLINE[edge][0]
    assert outcome.took_s < 1
    await asyncio.sleep(0.2)  # for a call that was sent all the same
    assert server.record().windows == []


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf", "1,5", ""])
async def test_a_timeout_that_is_no_number_of_seconds_is_refused(callers, server, given):
    outcome = await callers.call(HTTPS, header=given)
    assert said(outcome) == ("422", "INVALID_REQUEST")
    assert server.record().windows == []


@pytest.mark.requirement("NFR1")
@pytest.mark.parametrize("edge", EDGES)
async def test_without_an_answer_the_gateway_gives_up_at_its_own_deadline(callers, server, edge):
    server.behave(hang=True)
    outcomes = await at_once(callers, 5, edges=[edge])
    assert {said(outcome) for outcome in outcomes} == {DEADLINE[edge]}
    took_s = sorted(outcome.took_s for outcome in outcomes)
    assert took_s[0] >= CAP_S - 0.2
    assert statistics.median(took_s) <= CAP_S + 0.2
    assert took_s[-1] <= CAP_S + 1


async def test_a_shorter_deadline_of_an_https_caller_is_kept(callers, server):
    server.behave(hang=True)
    outcomes = await at_once(callers, 5, edges=[HTTPS], timeout_s=0.5)
    assert {said(outcome) for outcome in outcomes} == {DEADLINE[HTTPS]}
    took_s = sorted(outcome.took_s for outcome in outcomes)
    assert statistics.median(took_s) <= 0.5 + 0.2
    assert took_s[-1] < 1.5


@pytest.mark.parametrize("edge", EDGES)
async def test_a_caller_who_leaves_cancels_the_call_of_the_model_server(callers, server, edge):
    server.behave(hang=True)
    waits_s = []
    for _ in range(100 // AT_ONCE):
        server.forget()
        calls = [asyncio.create_task(callers.call(edge)) for _ in range(AT_ONCE)]
        await until(lambda: len(server.record().windows) == AT_ONCE)
        left_s = time.monotonic()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: all(call.took_s is not None for call in server.record().windows), within_s=2)
        assert all(call.was_cancelled for call in server.record().windows)
        waits_s += [call.began_s + call.took_s - left_s for call in server.record().windows]
    assert len(waits_s) == 100
    assert max(waits_s) < 1  # their deadline would have come later
    assert statistics.quantiles(waits_s, n=20)[-1] <= 0.2


@pytest.mark.parametrize("edge", EDGES)
async def test_a_call_cancelled_by_the_model_server_does_not_leave_the_caller_waiting(callers, server, edge):
    server.behave(code="CANCELLED")
    outcome = await callers.call(edge)
    assert (
        said(outcome)
        in {
            HTTPS: {("503", "MODEL_UNAVAILABLE"), ("502", "MODEL_FAILED")},
            RPC: {("UNAVAILABLE", "MODEL_UNAVAILABLE"), ("INTERNAL", "MODEL_FAILED")},
        }[edge]
    )
    assert outcome.took_s < 1
