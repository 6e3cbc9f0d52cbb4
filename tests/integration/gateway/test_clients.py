"""Programs log in with a secret, and get what their record allows: no more."""

import base64
import subprocess
import sys

import jwt
import pytest

from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD
from tests.data import SAMPLE
from wattgate import Client

CHALLENGE = 'Basic realm="wattgate"'


def command(running, *arguments, typed=None):
    return subprocess.run(
        [sys.executable, "-m", "wattgate", *arguments, "--database-url", f"sqlite:///{running.folder}/users.db"],
        input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip


def added(running, name, *, grants, scopes):
    options = [f"--grant={grant}" for grant in grants] + [f"--scope={scope}" for scope in scopes]
    done = command(running, "clients", "add", name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def basic(name, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def ask(running, headers=None, **form):
    return running.https.post("/token", data=form, headers=headers or {})


def scopes_of(answer):
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["scope"] == answer.json()["scope"]
    return set(claims["scope"].split())


@pytest.fixture(scope="module")
def billing(running):
    """Name and secret of a program that may forecast and read models."""
    return "billing", added(
        running, "billing", grants=[CLIENT_CREDENTIALS], scopes=["forecast", "models:read"]
    )


@pytest.fixture(scope="module")
def portal(running):
    """Of one that logs users in, and is none itself."""
    return "portal", added(running, "portal", grants=[PASSWORD], scopes=["forecast"])


def test_a_program_logs_in_by_header_or_form_and_forecasts_on_both_edges(running, billing):
    name, secret = billing
    by_header = ask(running, basic(*billing), grant_type=CLIENT_CREDENTIALS)
    by_form = ask(running, grant_type=CLIENT_CREDENTIALS, client_id=name, client_secret=secret)
    assert scopes_of(by_header) == scopes_of(by_form) == {"forecast", "models:read"}
    token = by_header.json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert running.https.get("/v1/models", headers=headers).status_code == 200
    demo = running.demo
    with Client(demo["https"], grpc=demo["grpc"], token=token, ca_file=demo["ca_file"]) as rpc:
        assert len(rpc.forecast_file(SAMPLE, "gru").steps) == 8


def test_fewer_scopes_may_be_asked_for_and_no_more(running, billing):
    def asked(scope):
        return ask(running, basic(*billing), grant_type=CLIENT_CREDENTIALS, scope=scope)

    assert scopes_of(asked("forecast")) == {"forecast"}
    for scope in ("admin", "forecast admin", "no-such-scope"):
        refused = asked(scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_every_grant_is_given_to_the_clients_it_is_allowed_to(running, billing, portal):
    user = {"username": "demo", "password": running.demo["password"]}
    found = {
        (name, grant): ask(running, basic(name, secret), grant_type=grant, **user)
        for name, secret in (billing, portal)
        for grant in (PASSWORD, CLIENT_CREDENTIALS)
    }
    errors = {key: answer.json().get("error") for key, answer in found.items()}
    assert errors == {
        ("billing", PASSWORD): "unauthorized_client",
        ("billing", CLIENT_CREDENTIALS): None,
        ("portal", PASSWORD): None,
        ("portal", CLIENT_CREDENTIALS): "unauthorized_client",
    }
    assert scopes_of(found["portal", PASSWORD]) == {"forecast"}  # of the user's, what the client may have


@pytest.mark.parametrize("of", ["wrong secret", "unknown client", "no secret", "no base64"])
def test_a_client_that_does_not_prove_itself_gets_nothing(running, billing, of):
    headers = {
        "wrong secret": basic("billing", "wrong"),
        "unknown client": basic("nobody", billing[1]),
        "no secret": basic("billing", ""),
        "no base64": {"Authorization": "Basic ???"},
    }[of]
    user = {"username": "demo", "password": running.demo["password"]}
    for grant in (PASSWORD, CLIENT_CREDENTIALS):
        refused = ask(running, headers, grant_type=grant, **user)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.headers["www-authenticate"] == CHALLENGE
        assert refused.headers["cache-control"] == "no-store"


def test_a_token_proves_no_client_and_hinders_no_login(running):
    old = {"Authorization": f"Bearer {running.login()}"}
    assert ask(running, old, grant_type=CLIENT_CREDENTIALS).status_code == 401
    user = {"username": "demo", "password": running.demo["password"]}
    assert ask(running, old, grant_type=PASSWORD, **user).status_code == 200


def test_a_client_proves_itself_once(running, billing):
    name, secret = billing
    twice = ask(
        running, basic(name, secret), grant_type=CLIENT_CREDENTIALS, client_id=name, client_secret=secret
    )
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


def test_a_disabled_client_and_an_old_secret_open_nothing(running):
    old = added(running, "meter", grants=[CLIENT_CREDENTIALS], scopes=["forecast"])
    new = command(running, "clients", "new-secret", "meter").stdout.strip()
    assert ask(running, basic("meter", old), grant_type=CLIENT_CREDENTIALS).status_code == 401
    assert ask(running, basic("meter", new), grant_type=CLIENT_CREDENTIALS).status_code == 200
    assert command(running, "clients", "disable", "meter").returncode == 0
    assert ask(running, basic("meter", new), grant_type=CLIENT_CREDENTIALS).status_code == 401
    assert "meter  client_credentials: forecast  (disabled)" in command(running, "clients", "list").stdout
    assert command(running, "clients", "enable", "meter").returncode == 0
    assert ask(running, basic("meter", new), grant_type=CLIENT_CREDENTIALS).status_code == 200


def test_secrets_are_kept_as_hashes_alone(running, billing):
    for file in running.folder.glob("users.db*"):
        assert billing[1].encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "billing"], "already"),
        (["add", "a:b"], "no colon"),
        (["add", "other", "--scope=all"], "none of forecast"),
        (["add", "other", "--grant=implicit"], "none of client_credentials"),
        (["disable", "nobody"], "no client"),
    ],
)
def test_what_cannot_be_done_is_said(running, billing, arguments, says):
    done = command(running, "clients", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
