"""Tokens of an identity provider outside count on both edges, for what it was given here and no more."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from grpc.aio import AioRpcError

from services.gateway import issuers
from tests.data import SAMPLE
from tests.integration.connections.gateways import LoneGateway
from tests.integration.gateway.identity_provider import IdentityProvider
from tests.integration.gateway.in_process import edges, until
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

SAID = "Could not validate credentials"
ENOUGH_S = 20


@pytest.fixture
def provider(home, tmp_path):
    with IdentityProvider(home, tmp_path) as provider:
        yield provider


@pytest.fixture
async def edge(home, model_server, provider):
    async with trusting(home, model_server, provider.trust) as edge:
        await until_known(edge)
        yield edge


@asynccontextmanager
async def trusting(home, model_server, *trusted):
    async with edges(home, model_server.address, trusted_issuers=trusted) as edge:
        await edge.until_ready()
        yield edge


async def until_known(edge):
    async with asyncio.timeout(ENOUGH_S):
        await until(lambda: all(issuer._keys for issuer in edge.gateway.login.issuers.values()))


async def refused(edge, issuer, why):
    """Wait until an issuer's keys were not taken, for that reason."""
    found = edge.gateway.login.issuers[issuer]
    async with asyncio.timeout(ENOUGH_S):
        await until(lambda: found.failure and why in found.failure)


async def verdicts(edge, token):
    """What both edges say to a token that asks for the list of models."""
    https = await edge.https.get("/v1/models", headers={"Authorization": f"Bearer {token}"})
    try:
        await ForecastServiceStub(edge.rpc).ListModels(
            pb.ListModelsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=ENOUGH_S
        )
    except AioRpcError as error:
        return https.status_code, https.json()["detail"], error.code(), error.details()
    return https.status_code, None, grpc.StatusCode.OK, None


GOOD = (200, None, grpc.StatusCode.OK, None)
BAD = (401, SAID, grpc.StatusCode.UNAUTHENTICATED, SAID)


async def test_its_tokens_count_on_both_edges_for_what_its_roles_may_do_here(edge, provider):
    assert await verdicts(edge, provider.token()) == GOOD
    planner = {"Authorization": f"Bearer {provider.token()}"}
    forecast = await edge.https.post("/predict/gru", files={"file": SAMPLE.read_bytes()}, headers=planner)
    assert forecast.status_code == 200
    assert (await edge.https.get("/v1/users", headers=planner)).status_code == 403
    # Entra ID has scopes in a string.
    reader = provider.token(without=("realm_access", "typ"), scp="Forecasts.Read openid")
    code, said, *_ = await verdicts(edge, reader)
    assert (code, said) == (403, "This needs a token with the scope 'models:read'")
    nobody = provider.token(realm_access={"roles": ["forecast", "admin"]})  # our names say nothing there
    assert (await verdicts(edge, nobody))[0] == 403


async def test_bad_tokens_in_its_name_are_refused_on_both_edges_alike(edge, provider):
    wrong = {}
    for name, make in provider.bad().items():
        verdict = await verdicts(edge, make())
        if verdict != BAD:
            wrong[name] = verdict
    assert wrong == {}


async def test_its_subjects_are_nobody_else(edge, provider):
    """Whatever name a token has in it, it is that of this issuer's."""
    token = provider.token(sub=edge.admin_id, realm_access={"roles": ["planner", "admin"]})
    caller = await edge.gateway.login.admit(token, "forecast")
    assert caller.id == f"{provider.issuer}#{edge.admin_id}"
    assert caller.scopes == {"forecast", "models:read"}


async def test_a_new_key_counts_soon_and_one_taken_back_does_not(home, model_server, provider, monkeypatch):
    monkeypatch.setattr(issuers, "PAUSE_S", 0.0)
    old, seen = provider.token(), []
    async with trusting(home, model_server, provider.trust) as edge:
        await until_known(edge)
        assert await verdicts(edge, old) == GOOD
        provider.publish(second=rsa.generate_private_key(65537, 2048))
        new = provider.token()
        async with asyncio.timeout(ENOUGH_S):
            while not seen or seen[-1] != GOOD:
                seen.append(await verdicts(edge, new))
                await asyncio.sleep(0.05)
        assert {verdict[0] for verdict in seen} <= {200, 503}  # it was never called bad
        await asyncio.sleep(1.1)  # the old one was known
        assert (await verdicts(edge, old))[0] in {401, 503}


async def test_unknown_keys_do_not_make_us_ask_again_and_again(edge, provider):
    asked = provider.asked
    for number in range(50):
        assert await verdicts(edge, provider.token(header={"kid": f"k{number}"})) == BAD
    assert provider.asked <= asked + 1


async def test_its_tokens_count_while_it_is_away(home, model_server, provider, monkeypatch):
    monkeypatch.setattr(issuers, "FRESH_S", 0.1)
    monkeypatch.setattr(issuers, "PAUSE_S", 0.1)
    async with trusting(home, model_server, provider.trust) as edge:
        await until_known(edge)
        provider.__exit__()
        await refused(edge, provider.issuer, "onnect")
        await asyncio.sleep(1.1)
        assert await verdicts(edge, provider.token()) == GOOD
        # Whether another key is its own nobody can say now.
        assert (await verdicts(edge, provider.token(header={"kid": "new"})))[0] == 503


async def test_nobody_waits_for_one_that_hangs(home, model_server, provider):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = {**provider.trust, "jwks_url": f"https://localhost:{silent.getsockname()[1]}/keys"}
        async with trusting(home, model_server, hanging) as edge:
            began = asyncio.get_running_loop().time()
            answers = await asyncio.gather(*(verdicts(edge, provider.token(jti=str(i))) for i in range(50)))
            assert {answer[0] for answer in answers} == {503}
            assert asyncio.get_running_loop().time() - began < 2
            await refused(edge, provider.issuer, "Timeout")


async def test_one_that_was_never_heard_of_is_a_503_and_hinders_nobody_else(home, model_server, provider):
    away = {**provider.trust, "issuer": "https://localhost:1/realms/plant"}
    async with trusting(home, model_server, away) as edge:
        code, _, rpc_code, _ = await verdicts(edge, provider.token(iss=away["issuer"]))
        assert (code, rpc_code) == (503, grpc.StatusCode.UNAVAILABLE)
        assert (await edge.https.get("/v1/models")).status_code == 200


async def test_who_says_to_be_another_is_not_believed(home, model_server, provider):
    false = {**provider.trust, "issuer": provider.issuer.replace("plant", "false")}
    async with trusting(home, model_server, false) as edge:
        await refused(edge, false["issuer"], "another issuer's")


async def test_it_cannot_send_us_elsewhere(home, model_server, provider):
    sent_on = {**provider.trust, "jwks_url": f"https://localhost:{provider.port}/elsewhere"}
    async with trusting(home, model_server, sent_on) as edge:
        await refused(edge, provider.issuer, "answered 307")


async def test_nobody_answers_for_it_without_a_certificate_we_trust(home, model_server, provider):
    foreign = {name: value for name, value in provider.trust.items() if name != "ca"}
    async with trusting(home, model_server, foreign) as edge:
        await refused(edge, provider.issuer, "CERTIFICATE_VERIFY_FAILED")


def test_one_gateway_can_be_the_issuer_of_another(home):
    issuer = "https://first.example"
    first = LoneGateway(home, token_issuer=issuer)
    trusted = {
        "issuer": issuer,
        "audience": "wattgate",
        "jwks_url": f"{first.url}/.well-known/jwks.json",
        "scopes": {"models:read": ["models:read"]},
        "ca": str(home.ca_file),
    }
    with first, LoneGateway(home, trusted_issuers=json.dumps([trusted])) as second:
        headers = {"Authorization": f"Bearer {first.token}"}
        deadline = time.monotonic() + ENOUGH_S
        while (answer := second.request("GET", "/v1/models", headers=headers)).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.status_code == 200
        forecast = second.request("POST", "/predict", files={"file": b""}, headers=headers)
        assert forecast.status_code == 403
        time.sleep(0.3)  # lines are written a little later
        calls = [line for line in second.whole_log().splitlines() if "GET /v1/models" in line]
        assert all(json.loads(line)["caller"].startswith(f"{issuer}#") for line in calls[-1:])
        assert calls
