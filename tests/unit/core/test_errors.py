"""One table says every failure on both edges."""

import pytest
from google.rpc import error_details_pb2
from grpc import StatusCode

from pipelines.errors import InvalidSeriesError, Violation
from services.core import errors
from services.core.errors import ServiceError, as_problem, as_status

# As google/rpc/code.proto of googleapis maps codes to HTTP.
HTTP_OF = {
    StatusCode.INVALID_ARGUMENT: {400, 415, 422},
    StatusCode.UNAUTHENTICATED: {401},
    StatusCode.PERMISSION_DENIED: {403},
    StatusCode.NOT_FOUND: {404},
    StatusCode.RESOURCE_EXHAUSTED: {413, 429},
    StatusCode.UNAVAILABLE: {503},
    StatusCode.UNIMPLEMENTED: {501},
    StatusCode.DEADLINE_EXCEEDED: {504},
    StatusCode.INTERNAL: {500, 502},
}


def kinds(base=ServiceError):
    return [base, *(kind for each in base.__subclasses__() for kind in kinds(each))]


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.__module__ == errors.__name__])
def test_every_failure_has_both_codes_and_a_name(kind):
    assert kind.http in HTTP_OF[kind.grpc]
    assert kind.reason == kind.reason.upper()
    if kind is not errors.OverQuotaError:  # which knows when only once it is made
        assert (kind.retry_after_s is not None) == (kind.http in {429, 503})


def test_a_bug_leaves_as_a_bare_internal_error():
    secret = KeyError("/var/secret")
    assert as_problem(secret) == {
        "type": "about:blank",
        "title": "Internal error",
        "status": 500,
        "detail": "internal error",
        "reason": "INTERNAL",
    }
    assert "secret" not in str(as_status(secret))


def test_a_bad_series_names_its_rows_on_both_edges():
    error = InvalidSeriesError([Violation("gap", "2 values missing", 7, 8, "Datum"), Violation("x", "y")])
    problem = as_problem(error)
    assert problem["status"] == 422
    assert problem["detail"] == "row 7 (line 8), column Datum: 2 values missing (and 1 more)"
    assert problem["errors"][0] == {
        "rule": "gap", "row": 7, "line": 8, "column": "Datum", "message": "2 values missing"
    }  # fmt: skip
    status = as_status(error)
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == [
        "row 7 (line 8), column Datum",
        "history",
    ]
