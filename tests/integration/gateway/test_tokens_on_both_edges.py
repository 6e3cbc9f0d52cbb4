"""A token that is refused on one edge is refused on the other, with the same words."""

import grpc
import jwt
import pytest

from services.gateway.keys import read_key
from tests.forged_tokens import Forger
from wattgate.forecast.v1 import forecast_service_pb2 as pb

SAID = "Could not validate credentials"


@pytest.fixture(scope="module")
def forger(running):
    key = read_key((running.folder / "token.key").read_bytes())
    return Forger(key, jwt.decode(running.login(), options={"verify_signature": False})["sub"])


@pytest.fixture
def verdicts(running):
    def ask(token):
        https = running.https.get("/v1/models", headers={"Authorization": f"Bearer {token}"})
        try:
            running.rpc.ListModels(
                pb.ListModelsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=10
            )
        except grpc.RpcError as error:
            return https.status_code, https.json()["detail"], error.code(), error.details()
        return https.status_code, None, None, None

    return ask


def test_a_token_right_in_everything_is_taken(forger, verdicts):
    assert verdicts(forger.token()) == (200, None, None, None)  # so each fault is what refuses its token


def test_every_bad_token_is_refused_on_both_edges_alike(running, forger, verdicts):
    bad = forger.bad() | forger.of_nobody()
    assert len(bad) >= 60
    wrong = {}
    for name, make in bad.items():
        verdict = verdicts(make())
        if verdict != (401, SAID, grpc.StatusCode.UNAUTHENTICATED, SAID):
            wrong[name] = verdict
    assert wrong == {}
    assert "bug in" not in (running.folder / "gateway.log").read_text()


def test_a_good_token_without_the_scope_is_told_which(running, forger, verdicts):
    said = "This needs a token with the scope 'models:read'"
    assert verdicts(forger.token(scope="forecast")) == (403, said, grpc.StatusCode.PERMISSION_DENIED, said)
    refused = running.https.get(
        "/v1/models", headers={"Authorization": f"Bearer {forger.token(scope='forecast')}"}
    )
    challenge = 'Bearer realm="wattgate", error="insufficient_scope", scope="models:read"'
    assert refused.headers["www-authenticate"] == challenge


def test_a_scope_that_its_user_does_not_have_is_worth_nothing(forger, running):
    headers = {"Authorization": f"Bearer {forger.token(scope='admin')}"}
    assert running.https.get("/v1/users", headers=headers).status_code == 403
