"""`wattgate users` lets people in and keeps them out, while the gateway runs."""

import subprocess
import sys
import time

import grpc
import pytest

from services.gateway.login import KNOWN_S
from tests.data import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb

PASSWORD = "a password of some length"


@pytest.fixture
def users(running):
    def run(*arguments, password=None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "wattgate", "users", *arguments, "--database-url", f"sqlite:///{running.folder}/users.db"],
            input=password and password + "\n",
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    return run


def login(running, username):
    return running.https.post("/token", data={"username": username, "password": PASSWORD})


def calls(running, token):
    headers = {"Authorization": f"Bearer {token}"}
    status = running.https.post(
        "/predict/gru", files={"file": SAMPLE.read_bytes()}, headers=headers
    ).status_code
    try:
        running.rpc.ListModels(
            pb.ListModelsRequest(), metadata=(("authorization", f"Bearer {token}"),), timeout=10
        )
    except grpc.RpcError as error:
        return status, error.code()
    return status, None


def test_a_user_is_added_disabled_and_enabled(running, users):
    assert users("add", "ada", "--password-stdin", password=PASSWORD).returncode == 0
    token = login(running, "ada").json()["access_token"]
    assert calls(running, token) == (200, None)

    assert users("disable", "ada").returncode == 0
    time.sleep(KNOWN_S)
    assert calls(running, token) == (401, grpc.StatusCode.UNAUTHENTICATED)
    refused = login(running, "ada")
    assert refused.status_code == 401
    assert refused.json()["detail"] == "Incorrect username or password"
    assert "ada  (disabled)" in users("list").stdout

    assert users("enable", "ada").returncode == 0
    assert login(running, "ada").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "password", "says"),
    [
        (("add", "demo", "--password-stdin"), PASSWORD, "there is a user 'demo' already"),
        (("add", "bob", "--password-stdin"), "short", "at least 15 characters"),
        (("add", "bob", "--password-stdin"), "x" * 1025, "at most 1024 bytes"),
        (("disable", "nobody"), None, "there is no user 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(users, arguments, password, says):
    answer = users(*arguments, password=password)
    assert answer.returncode == 1
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
