"""A token that is refused on one edge is refused on the other."""

import time

import grpc
import jwt
import pytest

from services.gateway.tokens import TYPE, read_key
from wattgate.forecast.v1 import forecast_service_pb2 as pb


@pytest.fixture
def sign(running):
    """A token signed with the gateway's own key, right in all but what is changed."""
    key = read_key((running.folder / "token.key").read_bytes())
    subject = jwt.decode(running.login(), options={"verify_signature": False})["sub"]

    def make(*, key=key, kid=key.kid, typ=TYPE, **changes):
        now = int(time.time())
        claims = {
            "iss": "wattgate", "aud": "wattgate", "sub": subject, "jti": "1", "iat": now - 60, "exp": now + 60
        }  # fmt: skip
        headers = {"kid": kid, "typ": typ}
        return jwt.encode({**claims, **changes}, key.private, algorithm="ES256", headers=headers)

    return make


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


def test_a_token_right_in_everything_is_taken(sign, verdicts):
    assert verdicts(sign()) == (200, None, None, None)


@pytest.mark.parametrize(
    "fault",
    [
        {"exp": 1_700_000_000, "iat": 1_699_999_999},
        {"iss": "other"},
        {"aud": "other"},
        {"sub": "nobody"},
        {"exp": 4_000_000_000},
        {"typ": "JWT"},
        {"kid": "other"},
    ],
    ids=str,
)
def test_a_token_wrong_in_one_thing_is_refused(sign, verdicts, fault):
    said = "Could not validate credentials"
    assert verdicts(sign(**fault)) == (401, said, grpc.StatusCode.UNAUTHENTICATED, said)
