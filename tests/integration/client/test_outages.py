"""Gateways that are away, come back, cannot answer, or never do."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from services.local.pair import GATEWAY, MODEL_SERVER, running_pair
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE
from tests.integration.client.kinds import KINDS, client_of
from tests.integration.client.silent import silent
from wattgate.errors import TimedOut, Unavailable


def seconds_of(error, work):
    started = time.monotonic()
    with pytest.raises(error) as raised:
        work()
    return time.monotonic() - started, raised.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_says_nothing_is_given_up_in_time(kind, home):
    with silent(home.certificate, home.key) as address:
        demo = {"https": f"https://{address}", "grpc": address, "ca_file": home.ca_file}
        with client_of(kind, demo, token="x", timeout_s=0.6) as client:
            took_s, error = seconds_of(TimedOut, lambda: client.forecast_file(SAMPLE, "gru"))
    assert 0.5 < took_s < 1.0
    assert f"{address} did not answer in time" in str(error)


@pytest.mark.parametrize("kind", ["https", "https, awaited"])
def test_a_slow_handshake_does_not_give_the_rest_more_time(kind, home):
    with silent(home.certificate, home.key, delay_s=0.7) as address:
        demo = {"https": f"https://{address}", "ca_file": home.ca_file}
        with client_of(kind, demo, token="x", timeout_s=1.0) as client:
            took_s, _ = seconds_of(TimedOut, lambda: client.forecast_file(SAMPLE, "gru"))
    assert 0.9 < took_s < 1.3


@pytest.mark.parametrize("kind", KINDS)
def test_where_nobody_listens_it_is_tried_again_and_then_said(kind, home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
    demo = {"https": f"https://{address}", "grpc": address, "ca_file": home.ca_file}
    with client_of(kind, demo, token="x") as client:
        took_s, error = seconds_of(Unavailable, lambda: client.forecast_file(SAMPLE, "gru"))
    assert f"{address} cannot be reached" in str(error)
    assert (error.status if "https" in kind else None) is None
    assert 0.7 < took_s < 3  # four pauses


def test_a_gateway_that_comes_back_is_called_again_by_the_same_clients(breakable):
    clients = [client_of(kind, breakable.demo, timeout_s=20) for kind in KINDS]
    before = [client.forecast_file(SAMPLE, "gru") for client in clients]
    gateway = breakable.pair.processes[GATEWAY]
    gateway.kill()
    gateway.wait()
    for client in clients:
        seconds_of(Unavailable, lambda client=client: client.forecast_file(SAMPLE, "gru"))
    breakable.pair.start_gateway()
    breakable.pair.wait_until_ready()
    assert [client.forecast_file(SAMPLE, "gru") for client in clients] == before
    for client in clients:
        client.__exit__(None, None, None)


def test_a_gateway_that_cannot_answer_says_when_and_who_has_no_time_for_that_hears_it(breakable):
    token = breakable.login()
    model_server = breakable.pair.processes[MODEL_SERVER]
    model_server.kill()
    model_server.wait()
    for kind in KINDS:
        with client_of(kind, breakable.demo, token=token, timeout_s=0.9) as client:
            took_s, error = seconds_of(Unavailable, lambda client=client: client.forecast_file(SAMPLE, "gru"))
        assert (error.status, error.reason, error.retry_after_s) == (503, "MODEL_UNAVAILABLE", 1.0)
        assert took_s < 0.9


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """A pair that computes one forecast at a time, lets one wait, and refuses others for a second."""
    monkeypatch.setenv("GATEWAY_MAX_IN_FLIGHT", "1")
    monkeypatch.setenv("GATEWAY_MAX_QUEUED", "1")
    with running_pair(tmp_path, free_ports(), MODELS) as pair:
        yield asdict(pair.demo())


def test_who_is_refused_for_now_comes_again_when_told_and_is_answered(crowded):
    answered_after_s = []

    def call(kind):
        with client_of(kind, crowded, timeout_s=20) as client:
            client.login()
            together.wait(20)
            started = time.monotonic()
            assert len(client.forecast_file(SAMPLE, "gru").steps) == 8
            answered_after_s.append(time.monotonic() - started)

    callers = KINDS * 4
    together = threading.Barrier(len(callers))
    with ThreadPoolExecutor(len(callers)) as threads:
        list(threads.map(call, callers))
    assert min(answered_after_s) < 1
    assert max(answered_after_s) > 1
