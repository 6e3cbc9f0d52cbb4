"""Admins change users over HTTPS, and what they change is true within a second."""

import hashlib
import json
import secrets
import time
from types import SimpleNamespace

import grpc
import jwt
import pytest

from services.gateway.login import KNOWN_S
from services.gateway.store.throttle import ACCOUNT_AND_ADDRESS
from tests.data import SAMPLE
from tests.integration.gateway.test_clients import command
from wattgate.forecast.v1 import forecast_service_pb2 as pb

PASSWORD = "a password of some length"


@pytest.fixture(scope="module")
def admin(running):
    """Calls /v1/users with an admin's token."""
    done = command(running, "users", "add", "root", "--admin", "--password-stdin", typed=PASSWORD)
    assert done.returncode == 0, done.stderr
    token = login(running, "root").json()["access_token"]

    def call(method, path="", **body):
        return running.https.request(
            method, f"/v1/users{path}", headers={"Authorization": f"Bearer {token}"}, json=body or None
        )

    return call


def login(running, username, password=PASSWORD):
    return running.https.post("/token", data={"username": username, "password": password})


def verdicts(running, token):
    """Whether a token is taken, over HTTPS and over gRPC."""
    https = running.https.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code
    try:
        metadata = (("authorization", f"Bearer {token}"),)
        running.rpc.ListModels(pb.ListModelsRequest(), metadata=metadata, timeout=10)
    except grpc.RpcError as error:
        return https, error.code().name
    return https, "OK"


@pytest.fixture
def ada(running, admin):
    """A user of the test's own, with a token."""
    name = f"ada-{secrets.token_hex(4)}"
    assert admin("POST", username=name, password=PASSWORD).status_code == 201
    return SimpleNamespace(name=name, token=login(running, name).json()["access_token"])


def test_a_user_is_added_listed_kept_out_and_let_in(running, admin, ada):
    assert verdicts(running, ada.token) == (200, "OK")
    assert admin("PATCH", f"/{ada.name}", disabled=True).json()["disabled"] is True
    assert {
        "username": ada.name,
        "disabled": True,
        "scopes": ["forecast", "models:read", "tensors"],
    } in admin("GET").json()["users"]
    time.sleep(KNOWN_S)
    assert verdicts(running, ada.token) == (401, "UNAUTHENTICATED")
    assert login(running, ada.name).status_code == 401
    assert admin("PATCH", f"/{ada.name}", disabled=False).status_code == 200
    time.sleep(KNOWN_S)
    assert verdicts(running, ada.token) == (401, "UNAUTHENTICATED")  # of before
    new = login(running, ada.name).json()["access_token"]
    assert verdicts(running, new) == (200, "OK")


def test_several_changes_are_made_at_once_or_not_at_all(running, admin, ada):
    changed = admin("PATCH", f"/{ada.name}", password="meter gravel sonnet umbrella", disabled=True)
    assert changed.json()["disabled"] is True
    refused = admin("PATCH", f"/{ada.name}", password="short", disabled=False)
    assert refused.status_code == 422
    assert {user["username"]: user["disabled"] for user in admin("GET").json()["users"]}[ada.name] is True


def change(running, name, password, new):
    form = {"username": name, "password": password, "new_password": new}
    return running.https.post("/v1/password", data=form)


def test_users_change_their_own_password_by_the_one_before(running, ada):
    new = "meter gravel sonnet umbrella"
    refused = change(running, ada.name, "another one altogether", new)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")
    guessable = change(running, ada.name, PASSWORD, "password12345678")
    assert guessable.status_code == 400
    assert "hard to guess" in guessable.json()["detail"]
    assert verdicts(running, ada.token) == (200, "OK")
    changed = change(running, ada.name, PASSWORD, new)
    assert (changed.status_code, changed.content) == (204, b"")
    time.sleep(KNOWN_S)
    assert verdicts(running, ada.token) == (401, "UNAUTHENTICATED")
    assert login(running, ada.name).status_code == 401
    assert login(running, ada.name, new).status_code == 200


def test_guessing_by_changing_passwords_is_throttled_as_logins_are(running, ada):
    tried = [
        change(running, ada.name, f"guess number {number}", PASSWORD).status_code
        for number in range(ACCOUNT_AND_ADDRESS.failures + 1)
    ]
    assert tried == [401] * ACCOUNT_AND_ADDRESS.failures + [429]
    assert change(running, ada.name, PASSWORD, "meter gravel sonnet umbrella").status_code == 429


def test_one_call_ends_all_tokens_of_a_user_and_of_nobody_else(running, admin, ada):
    others = login(running, "demo", running.demo["password"]).json()["access_token"]
    second = login(running, ada.name).json()["access_token"]
    assert admin("POST", f"/{ada.name}:end-tokens").status_code == 204
    new = login(running, ada.name).json()["access_token"]
    time.sleep(KNOWN_S)
    for token in (ada.token, second):
        assert verdicts(running, token) == (401, "UNAUTHENTICATED")
    for token in (new, others):
        assert verdicts(running, token) == (200, "OK")


def test_another_password_ends_the_tokens_of_the_one_before(running, admin, ada):
    assert admin("PATCH", f"/{ada.name}", password="another password, as long").status_code == 200
    time.sleep(KNOWN_S)
    assert verdicts(running, ada.token) == (401, "UNAUTHENTICATED")
    assert login(running, ada.name).status_code == 401
    assert login(running, ada.name, "another password, as long").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "", {"username": "root", "password": PASSWORD}, 422, "already"),
        ("POST", "", {"username": "x", "password": "short"}, 422, "15 characters"),
        ("POST", "", {"username": "", "password": PASSWORD}, 422, "at least 1 character"),
        ("POST", "", {"username": "x", "password": PASSWORD, "id": "1"}, 422, "Extra inputs"),
        ("POST", "", {"username": "x", "password": PASSWORD, "scopes": ["admin"]}, 422, "Extra inputs"),
        ("PATCH", "/nobody", {"disabled": True}, 404, "no user"),
        ("PATCH", "/root", {"disabled": "yes"}, 422, "bool"),
        ("POST", "/nobody:end-tokens", {}, 404, "no user"),
    ],
)
def test_what_cannot_be_done_is_said_and_no_password_with_it(admin, method, path, body, status, says):
    answer = admin(method, path, **body)
    assert answer.status_code == status
    assert says in answer.text
    assert PASSWORD not in answer.text


def test_no_other_token_opens_it(running, ada):
    for token in (ada.token, running.login()):
        headers = {"Authorization": f"Bearer {token}"}
        assert running.https.get("/v1/users", headers=headers).status_code == 403
        body = {"username": "x", "password": PASSWORD, "admin": True}
        assert running.https.post("/v1/users", headers=headers, json=body).status_code == 403


def test_whoever_fails_too_often_waits_even_with_the_right_password(running, ada):
    for _ in range(ACCOUNT_AND_ADDRESS.failures):
        assert login(running, ada.name, "not the password at all").status_code == 401
    nobody = f"nobody-{secrets.token_hex(4)}"
    for _ in range(ACCOUNT_AND_ADDRESS.failures):
        assert login(running, nobody).status_code == 401
    answers = [login(running, name) for name in (ada.name, nobody)]
    for answer in answers:
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= ACCOUNT_AND_ADDRESS.wait_s
        assert answer.json()["error"] == "temporarily_unavailable"
    assert answers[0].json() == answers[1].json()
    assert login(running, "demo", running.demo["password"]).status_code == 200
    assert verdicts(running, ada.token) == (200, "OK")  # tokens given out before count


def test_the_command_ends_tokens_and_lists_admins(running, admin, ada):
    assert command(running, "users", "end-tokens", ada.name).returncode == 0
    time.sleep(KNOWN_S)
    assert verdicts(running, ada.token) == (401, "UNAUTHENTICATED")
    assert "root  (admin)" in command(running, "users", "list").stdout


def lines(running, event):
    found = [
        json.loads(line)
        for line in (running.folder / "gateway.log").read_text().splitlines()
        if line[:1] == "{"
    ]
    return [line for line in found if line["event"] == event]


def test_what_admins_do_and_who_calls_is_told_to_the_log(running, admin, ada):
    subject = jwt.decode(ada.token, options={"verify_signature": False})["sub"]
    assert admin("POST", f"/{ada.name}:end-tokens").status_code == 204
    token = login(running, ada.name).json()["access_token"]
    csv = SAMPLE.read_bytes()
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": f"audited-{ada.name}"}
    assert running.https.post("/predict/gru", files={"file": csv}, headers=headers).status_code == 200
    assert login(running, ada.name, "not the password at all").status_code == 401
    time.sleep(0.3)  # lines are written a moment later
    (ended,) = [line for line in lines(running, "tokens ended") if line["username"] == ada.name]
    assert ended["by"] not in {"", subject}
    (added,) = [line for line in lines(running, "user added") if line["username"] == ada.name]
    assert (added["by"], added["admin"]) == (ended["by"], False)
    (call,) = [line for line in lines(running, "answered") if line["request_id"] == f"audited-{ada.name}"]
    assert (call["caller"], call["model"], call["version"]) == (subject, "gru", 1)
    assert call["input_sha256"] == hashlib.sha256(csv).hexdigest()
    logins = [line["outcome"] for line in lines(running, "login") if line["username"] == ada.name]
    assert logins == ["let in", "let in", "refused"]
    assert PASSWORD not in (running.folder / "gateway.log").read_text()
