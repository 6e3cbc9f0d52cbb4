"""Whatever a model server answers, callers get one of the gateway's own errors, and nothing of its words."""

import pytest

from tests.integration.faults.callers import EDGES, HTTPS, RPC

CANARY = "/srv/models/secret-canary"
FAILED = {HTTPS: ("502", "MODEL_FAILED"), RPC: ("INTERNAL", "MODEL_FAILED")}
UNAVAILABLE = {HTTPS: ("503", "MODEL_UNAVAILABLE"), RPC: ("UNAVAILABLE", "MODEL_UNAVAILABLE")}
DEADLINE = {HTTPS: ("504", "DEADLINE_EXCEEDED"), RPC: ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")}
SAID = {
    "UNAVAILABLE": UNAVAILABLE,
    "CANCELLED": UNAVAILABLE,
    "NOT_FOUND": UNAVAILABLE,
    "DEADLINE_EXCEEDED": DEADLINE,
    "INVALID_ARGUMENT": FAILED,
    "FAILED_PRECONDITION": FAILED,
    "INTERNAL": FAILED,
    "UNKNOWN": FAILED,
    "UNIMPLEMENTED": FAILED,
    "DATA_LOSS": FAILED,
    "PERMISSION_DENIED": FAILED,
    "UNAUTHENTICATED": FAILED,
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("code", SAID)
async def test_its_errors_become_ours_without_its_words(callers, server, edge, code):
    server.behave(code=code, details=CANARY)
    outcome = await callers.call(edge)
    assert (outcome.code, outcome.reason) == SAID[code][edge]
    assert CANARY not in outcome.detail


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("answer", ["wrong shape", "nan"])
async def test_what_is_no_forecast_never_reaches_a_caller(callers, server, edge, answer):
    server.behave(answer=answer)
    outcome = await callers.call(edge)
    assert (outcome.code, outcome.reason) == FAILED[edge]


async def test_after_all_of_that_the_gateway_answers_as_before(callers, server, gateway):
    for edge in EDGES:
        assert (await callers.call(edge)).result == "answered"
    assert gateway.get("/readyz").status_code == 200
    assert CANARY not in gateway.get("/readyz").text
