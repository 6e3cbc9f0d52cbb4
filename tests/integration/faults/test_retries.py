"""A call that a model server turned down for now is tried again: there and then, and never too often."""

from itertools import pairwise

import grpc
import pytest

from tests.integration.faults.callers import EDGES, HTTPS
from tests.integration.faults.load import at_once, recovered

MAX_ATTEMPTS = 3
# NOT_FOUND says that a version is gone: which of them there are is asked anew, and then the newest.
RETRIED = {"OK", "UNAVAILABLE", "NOT_FOUND"}
NEVER_RETRIED = [code.name for code in grpc.StatusCode if code.name not in RETRIED]


@pytest.fixture
async def patient(callers, server):
    """Callers whose gateway may retry as often as it ever does."""
    await recovered(callers, answers=100)
    server.forget()
    return callers


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("failures", [1, 2])
async def test_a_call_is_answered_once_the_model_server_answers(patient, server, edge, failures):
    server.behave(code="UNAVAILABLE", times=failures)
    assert (await patient.call(edge)).result == "answered"
    assert len(server.record().windows) == failures + 1


@pytest.mark.parametrize("edge", EDGES)
async def test_three_attempts_are_all_there_are_on_the_whole_way(patient, server, edge):
    server.behave(code="UNAVAILABLE")
    outcome = await patient.call(edge)
    assert outcome.result == "refused cleanly"
    assert outcome.reason == "MODEL_UNAVAILABLE"
    assert outcome.took_s < 1.5
    calls = server.record().windows
    assert len(calls) == MAX_ATTEMPTS
    pauses_s = [later.began_s - earlier.began_s for earlier, later in pairwise(calls)]
    assert pauses_s[0] >= 0.03
    assert pauses_s[1] >= 0.06


@pytest.mark.parametrize("code", NEVER_RETRIED)
async def test_no_other_failure_is_tried_again(callers, server, code):
    server.behave(code=code)
    outcomes = await at_once(callers, 2)
    assert [outcome.result for outcome in outcomes] != ["answered"] * 2
    assert len(server.record().windows) == 2


async def test_attempts_end_at_the_callers_deadline(patient, server):
    server.behave(code="UNAVAILABLE", delay_s=0.5)
    outcome = await patient.call(HTTPS, timeout_s=0.8)
    assert outcome.code in {"503", "504"}
    assert outcome.took_s < 1.2
    assert len(server.record().windows) <= 2


async def test_when_all_fail_few_calls_are_tried_again(patient, server):
    server.behave(code="UNAVAILABLE", everything=True)
    for _ in range(10):
        for edge in EDGES:
            assert (await patient.call(edge)).result == "refused cleanly"
    assert len(server.record().windows) <= 1.25 * 20


async def test_the_model_server_says_when_to_try_again(patient, server):
    waits_s = []
    for _ in range(3):
        server.forget()
        server.behave(code="UNAVAILABLE", times=1, pushback_ms=300)
        assert (await patient.call(HTTPS)).result == "answered"
        first, second = server.record().windows
        waits_s.append(second.began_s - first.began_s)
    assert min(waits_s) >= 0.29
    assert min(waits_s) <= 0.35


@pytest.mark.parametrize("edge", EDGES)
async def test_the_model_server_says_not_to_try_again(patient, server, edge):
    server.behave(code="UNAVAILABLE", pushback_ms=-1)
    assert (await patient.call(edge)).result == "refused cleanly"
    assert len(server.record().windows) == 1
