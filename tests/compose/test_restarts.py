"""Each container comes back by itself or as it is told, and forecasts again; what was kept is kept."""

import os
import signal
import time

import pytest

from services.local.certificates import ensure_certificates
from tests.compose.conftest import login
from tests.compose.engine import docker
from tests.data import SAMPLE

SERVICES = ("gateway", "model-server")


def forecast(stack):
    with stack.client() as client:
        answer = client.post(
            "/predict/gru",
            files={"file": SAMPLE.read_bytes()},
            headers={"Authorization": f"Bearer {login(client)}"},
        )
    return answer.status_code


def forecasts_again(stack):
    """Whether it does soon: the gateway looks for its model server every two seconds."""
    deadline = time.monotonic() + 60
    while (status := forecast(stack)) != 200:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    return True


@pytest.fixture(autouse=True)
def is_well(stack):
    yield
    for service in SERVICES:
        stack.wait_until_healthy(service)


@pytest.mark.parametrize("service", SERVICES)
def test_restarted_it_forecasts_again(stack, service):
    docker("restart", stack.id(service))
    assert stack.inspect(service)["State"]["ExitCode"] == 0
    stack.wait_until_ready()
    assert forecasts_again(stack)


@pytest.mark.parametrize("service", SERVICES)
def test_killed_it_comes_back_by_itself(stack, service):
    state = stack.inspect(service)["State"]
    began = state["StartedAt"]
    # Not by the engine: what it is told to kill stays dead.
    os.kill(state["Pid"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not ((state := stack.inspect(service)["State"])["Running"] and state["StartedAt"] != began):
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    assert stack.inspect(service)["RestartCount"] >= 1
    stack.wait_until_ready()
    assert forecasts_again(stack)


def test_the_gateway_stays_up_and_says_so_while_its_model_server_is_gone(stack):
    docker("stop", stack.id("model-server"))
    with stack.client() as client:
        assert client.get("/livez").status_code == 200
        deadline = time.monotonic() + 15
        while client.get("/readyz").status_code != 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert forecast(stack) == 503
    docker("start", stack.id("model-server"))
    stack.wait_until_ready()
    assert forecasts_again(stack)


def test_ended_in_order_both_say_that_no_call_was_lost(stack):
    for service in SERVICES:
        docker("stop", stack.id(service))
    for service in SERVICES:
        assert stack.inspect(service)["State"]["ExitCode"] == 0, service
        docker("start", stack.id(service))
    stack.wait_until_ready()
    assert forecasts_again(stack)


def test_a_container_made_anew_knows_its_users(stack):
    before = stack.id("gateway")
    stack.compose("up", "--detach", "--no-deps", "--no-build", "--force-recreate", "--wait", "gateway")
    assert stack.id("gateway") != before
    stack.wait_until_ready()
    assert forecasts_again(stack)


def test_a_renewed_certificate_is_shown_without_a_restart(stack):
    """Written over, not put in the place of the one before: a container sees the file it started with."""
    certificate, key = stack.secrets / "tls_certificate.pem", stack.secrets / "tls_key.pem"
    before = {file: file.read_bytes() for file in (certificate, key, stack.ca_file)}
    began = stack.inspect("gateway")["State"]["StartedAt"]
    other = stack.secrets / "other"
    other.mkdir()
    made = [other / file.name for file in (stack.ca_file, certificate, key)]
    ensure_certificates(*made)
    try:
        for old, new in zip((stack.ca_file, certificate, key), made, strict=True):
            old.write_bytes(new.read_bytes())
        # Callers who trust the new authority alone get through.
        assert stack.wait_until_ready() < 15
        assert forecast(stack) == 200
        assert stack.inspect("gateway")["State"]["StartedAt"] == began
    finally:
        for file, content in before.items():
            file.write_bytes(content)
        stack.wait_until_ready()
