"""Several gateway processes on one pair of ports."""

import os
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import psutil
import pytest

from services.local.pair import GATEWAY, HOST, running_pair
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE
from tests.integration.conftest import connect
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

ENOUGH_S = 30
REQUEST = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=SAMPLE.read_bytes()))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A pair whose gateway is two processes."""
    folder = tmp_path_factory.mktemp("two")
    with running_pair(folder, free_ports(), MODELS, workers=2) as pair:
        client = connect(folder, pair)
        with client.https, client.channel:
            yield client


def workers(client):
    return psutil.Process(client.pair.processes[GATEWAY].pid).children()


def wait_for(condition):
    until = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def all_answer(client):
    """Fresh connections until each worker had some: the kernel deals them out."""
    trust = ssl.create_default_context(cafile=client.demo["ca_file"])

    def ask(_):
        try:
            return httpx.get(f"{client.demo['https']}/readyz", verify=trust).status_code == 200
        except httpx.TransportError:
            return False

    with ThreadPoolExecutor(4) as callers:
        return all(callers.map(ask, range(20)))


def test_both_answer_on_both_ports(two):
    bearer = (("authorization", f"Bearer {two.login()}"),)
    wait_for(lambda: all_answer(two))

    def forecast(_):
        # A subchannel pool of its own: one connection per channel, as from one client each.
        options = [("grpc.use_local_subchannel_pool", 1)]
        trust = grpc.ssl_channel_credentials(two.ca)
        with grpc.secure_channel(two.demo["grpc"], trust, options=options) as channel:
            answer = ForecastServiceStub(channel).Forecast(REQUEST, metadata=bearer, timeout=ENOUGH_S)
            return tuple(step.kw for step in answer.steps)

    before = [worker.cpu_times().user for worker in workers(two)]
    with ThreadPoolExecutor(4) as callers:
        answers = set(callers.map(forecast, range(60)))
    assert len(answers) == 1
    after = [worker.cpu_times().user for worker in workers(two)]
    assert len(after) == 2
    assert all(now > then for now, then in zip(after, before, strict=True))


def test_a_worker_that_dies_is_replaced_and_the_other_goes_on(two):
    dead, other = workers(two)
    dead.kill()
    wait_for(lambda: len(workers(two)) == 2 and dead not in workers(two))
    assert other in workers(two)
    wait_for(lambda: all_answer(two))


def test_workers_end_with_whoever_started_them(tmp_path):
    with running_pair(tmp_path, free_ports(), MODELS, workers=2) as pair:
        supervisor = psutil.Process(pair.processes[GATEWAY].pid)
        children = supervisor.children()
        assert len(children) == 2
        os.kill(supervisor.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=ENOUGH_S)
        assert alive == []


def test_a_taken_port_is_said_once(two, tmp_path):
    environment = {
        **os.environ,
        "GATEWAY_HTTPS_PORT": two.demo["https"].rpartition(":")[2],
        "GATEWAY_BIND_ADDRESS": HOST,
        "GATEWAY_TLS_CERTIFICATE": str(two.folder / "gateway.pem"),
        "GATEWAY_TLS_KEY": str(two.folder / "gateway.key"),
        "GATEWAY_TOKEN_KEY": str(two.folder / "token.key"),
        "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'users.db'}",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.gateway", "--workers", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENOUGH_S,
    )
    assert ended.returncode == 1
    assert "cannot listen on" in ended.stderr
    assert "Traceback" not in ended.stderr
