"""Keys are changed under load, and published for others."""

import random
import time

import httpx
import jwt
import pytest
from jwt import PyJWKSet

from services.gateway.keys import POLL_S, PUBLISHED_S
from tests.integration.background import Background
from tests.integration.faults.gateways import Gateway
from tests.unit.gateway.test_keys import put

pytestmark = pytest.mark.alone

ENOUGH_S = 60
REQUESTS = 5000


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, "1.pem", age_s=1000)
    return tmp_path


@pytest.fixture
def gateway(home, folder):
    # No model server: tokens are good or not without one.
    gateway = Gateway(home, ["localhost:1"], token_key=folder)
    gateway.start()
    gateway.wait_for("/livez", 200)
    yield gateway
    gateway.kill()


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


def published(gateway):
    return PyJWKSet.from_dict(gateway.get("/.well-known/jwks.json").json())


def test_others_can_verify_tokens_by_what_is_published(gateway):
    token = gateway.login()
    metadata = gateway.get("/.well-known/oauth-authorization-server").json()
    assert metadata["jwks_uri"] == f"{gateway.url}/.well-known/jwks.json"
    assert metadata["token_endpoint"] == f"{gateway.url}/token"
    assert metadata["grant_types_supported"] == ["password", "client_credentials"]
    key = published(gateway)[kid(token)]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="wattgate", issuer=metadata["issuer"])
    assert claims["scope"] == "forecast models:read tensors"


def test_keys_change_under_load_and_no_token_is_refused(gateway, folder):
    tokens = [gateway.login()]
    before = kid(tokens[0])
    put(folder, "2.pem")
    began = time.monotonic()
    changed_s = None
    with httpx.Client(base_url=gateway.url, verify=gateway.trust) as client:

        def call():
            """With an old token or a new one."""
            headers = {"Authorization": f"Bearer {random.choice(tokens)}"}
            return client.get("/v1/models", headers=headers).status_code

        with Background(call, call) as load:
            while changed_s is None or len(load.answers) < REQUESTS:
                assert time.monotonic() - began < ENOUGH_S
                time.sleep(0.5)
                tokens.append(gateway.login())
                assert len(published(gateway).keys) in {1, 2}
                if changed_s is None and kid(tokens[-1]) != before:
                    changed_s = time.monotonic() - began
    assert load.failures == []
    assert changed_s >= PUBLISHED_S  # everybody knew the new key before it signed
    assert set(load.answers) == {200}


def test_a_key_that_leaked_is_refused_soon_after_it_was_removed(gateway, folder):
    leaked = gateway.login()
    put(folder, "2.pem")
    (folder / "1.pem").unlink()
    deadline = time.monotonic() + POLL_S + 2
    headers = {"Authorization": f"Bearer {leaked}"}
    with httpx.Client(base_url=gateway.url, verify=gateway.trust) as client:
        while client.get("/v1/models", headers=headers).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        headers = {"Authorization": f"Bearer {gateway.login()}"}
        assert client.get("/v1/models", headers=headers).status_code == 200
