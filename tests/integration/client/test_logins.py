"""Tokens: got by the password, renewed once for all who need it, and what is said where that fails."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.gateway.login import KNOWN_S
from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE
from tests.integration.client.kinds import client_of
from tests.integration.conftest import connect
from wattgate import AsyncClient, Client
from wattgate.errors import Unauthorized, Untrusted

CALLERS = 20


def logins(running) -> int:
    """How often the demo user was let in, by the gateway's log: a thread of its own writes it, soon."""
    counted, before = 0, -1
    while counted != before:
        time.sleep(0.3)
        lines = (running.folder / "gateway.log").read_text().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        before, counted = counted, sum(map(_is_login, events))
    return counted


def _is_login(event: dict[str, str]) -> bool:
    said = (event.get("event"), event.get("username"), event.get("outcome"))
    return said == ("login", "demo", "let in")


def end_tokens(running) -> None:
    """Refuse all tokens of the demo user so far, and wait until the gateway does."""
    database = f"sqlite:///{running.folder}/users.db"
    subprocess.run(
        [sys.executable, "-m", "wattgate", "users", "end-tokens", "demo", "--database-url", database],
        check=True,
        capture_output=True,
    )
    time.sleep(KNOWN_S + 0.1)


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory) -> Iterator:
    """A pair whose tokens last two seconds, by their own word."""
    folder = tmp_path_factory.mktemp("short-lived")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_TOKEN_LIFETIME_S", "2")
        with running_pair(folder, free_ports(), MODELS) as pair:
            client = connect(folder, pair)
            with client.https, client.channel:
                yield client


def test_a_client_logs_in_once_and_when_it_has_to(running, kind):
    before = logins(running)
    with client_of(kind, running.demo) as client:
        assert logins(running) == before
        for _ in range(3):
            client.forecast_file(SAMPLE, "gru")
    assert logins(running) == before + 1


def test_a_token_is_renewed_before_it_runs_out(short_lived, kind):
    before = logins(short_lived)
    with client_of(kind, short_lived.demo) as client:
        client.forecast_file(SAMPLE, "gru")
        time.sleep(1.85)  # a tenth of its life is left: the gateway would still take it
        client.forecast_file(SAMPLE, "gru")
    assert logins(short_lived) == before + 2


def test_a_token_that_is_refused_is_renewed_and_the_call_answered(running, kind):
    before = logins(running)
    with client_of(kind, running.demo) as client:
        client.forecast_file(SAMPLE, "gru")
        end_tokens(running)
        assert len(client.forecast_file(SAMPLE, "gru").steps) == 8
    assert logins(running) == before + 2


def test_a_token_alone_is_used_as_long_as_it_lasts(running, kind):
    with client_of(kind, running.demo, token=running.login()) as client:
        client.forecast_file(SAMPLE, "gru")
        end_tokens(running)
        with pytest.raises(Unauthorized, match="Could not validate credentials") as refused:
            client.forecast_file(SAMPLE, "gru")
    assert (refused.value.status, refused.value.reason) == (401, "UNAUTHENTICATED")


def test_a_token_that_is_given_goes_before_the_password(running, kind):
    before = logins(running)
    demo = running.demo
    known = {"username": demo["username"], "password": demo["password"], "token": "not.a.token"}
    with client_of(kind, demo, **known) as client:
        assert len(client.forecast_file(SAMPLE, "gru").steps) == 8
    assert logins(running) == before + 1


@pytest.mark.parametrize("grpc", [False, True])
def test_threads_that_need_a_token_together_log_in_once(running, grpc):
    demo, before = running.demo, logins(running)
    known = {"username": demo["username"], "password": demo["password"], "ca_file": demo["ca_file"]}
    with (
        Client(demo["https"], grpc=demo["grpc"] if grpc else None, **known) as client,
        ThreadPoolExecutor(CALLERS) as threads,
    ):
        for _ in range(2):
            answers = list(threads.map(lambda _: client.forecast_file(SAMPLE, "gru"), range(CALLERS)))
            assert len(answers) == CALLERS
            end_tokens(running)
    assert logins(running) == before + 2


@pytest.mark.parametrize("grpc", [False, True])
async def test_tasks_that_need_a_token_together_log_in_once(running, grpc):
    demo, before = running.demo, logins(running)
    known = {"username": demo["username"], "password": demo["password"], "ca_file": demo["ca_file"]}
    async with AsyncClient(demo["https"], grpc=demo["grpc"] if grpc else None, **known) as client:
        for _ in range(2):
            calls = (client.forecast_file(SAMPLE, "gru") for _ in range(CALLERS))
            assert len(await asyncio.gather(*calls)) == CALLERS
            await asyncio.to_thread(end_tokens, running)
    assert logins(running) == before + 2


def test_a_wrong_password_is_said_to_be_one_and_tried_once_for_all(running):
    # Five failures would lock the account: then the others would hear of that instead.
    demo = running.demo
    known = {"username": "mallory", "password": "wrong", "ca_file": demo["ca_file"]}
    with Client(demo["https"], **known) as client, ThreadPoolExecutor(CALLERS) as threads:

        def refused(_: int) -> str:
            with pytest.raises(Unauthorized) as error:
                client.forecast_file(SAMPLE, "gru")
            return f"{error.value.status} {error.value}"

        said = set(threads.map(refused, range(CALLERS)))
    assert said == {"401 Incorrect username or password"}


def test_a_wrong_password_is_said_by_all(running, kind):
    with (
        client_of(kind, running.demo, username=f"mallory by {kind}", password="wrong") as client,
        pytest.raises(Unauthorized, match="Incorrect username or password"),
    ):
        client.login()


def test_without_a_login_it_is_said_that_one_is_needed(running):
    demo = running.demo
    with (
        Client(demo["https"], ca_file=demo["ca_file"]) as client,
        pytest.raises(Unauthorized, match="asks for a login"),
    ):
        client.forecast_file(SAMPLE, "gru")


def test_a_login_is_a_token_to_use_elsewhere(client, running):
    token = client.login()
    headers = {"Authorization": f"Bearer {token.access_token}"}
    assert running.https.get("/v1/models", headers=headers).status_code == 200
    assert 800 < (token.expires_at.timestamp() - time.time()) <= 900
    assert token.access_token not in repr(token)


def test_a_gateway_of_another_authority_gets_neither_password_nor_load(running, kind, home):
    demo = running.demo
    with (
        client_of(kind, demo, ca_file=home.ca_file) as client,
        pytest.raises(Untrusted, match=f"{demo['https'][8:]} is not trusted.*ca_file"),
    ):
        client.forecast_file(SAMPLE, "gru")
    # With a token alone the call itself is what must not go out.
    edge = demo["grpc"] if "grpc" in kind else demo["https"][8:]
    with (
        client_of(kind, demo, ca_file=home.ca_file, token="secret") as client,
        pytest.raises(Untrusted, match=f"{edge} is not trusted"),
    ):
        client.forecast_file(SAMPLE, "gru")
