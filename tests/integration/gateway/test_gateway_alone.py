"""The gateway's process: what it needs, what it costs, how it starts and ends."""

import contextlib
import signal
import ssl
import subprocess
import sys
import time

import grpc
import httpx
import psutil
import pytest

from services.local.home import Home
from services.local.pair import GATEWAY, Pair, Ports
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE, week_file
from wattgate.forecast.v1 import forecast_service_pb2 as pb

pytestmark = pytest.mark.alone

MEBIBYTE = 1024 * 1024


def gateway_process(client) -> psutil.Process:
    return psutil.Process(client.pair.processes[GATEWAY].pid)


def test_the_gateway_never_imports_tensorflow():
    script = (
        "import sys, services.gateway.__main__\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras', 'pandas')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_two_hundred_good_and_bad_requests_leave_memory_and_handles_as_they_were(breakable):
    headers = {"Authorization": f"Bearer {breakable.login()}"}
    metadata = (("authorization", headers["Authorization"]),)
    good = SAMPLE.read_bytes()
    bodies = (
        good,
        week_file(671),
        b"\x89PNG",
        good,
        b"Datum,Wert (kW)\n" + b"2024-06-03 00:00:00,x\n" * 5000,
    )

    def mix(count):
        for i in range(count):
            content = bodies[i % len(bodies)]
            breakable.https.post("/predict/gru", files={"file": content}, headers=headers)
            breakable.https.post("/predict/none", files={"file": content}, headers=headers)
            breakable.https.post(
                "/predict/cnn", files={"file": content}, headers={"Authorization": "Bearer x"}
            )
            request = pb.ForecastRequest(model="cnn", file=pb.MeterFile(csv=content))
            with contextlib.suppress(grpc.RpcError):
                breakable.rpc.Forecast(request, metadata=metadata, timeout=10)

    process = gateway_process(breakable)
    mix(100)  # pools and caches fill: after half as many, 4 MiB are still to come, and no more then
    handles, memory = process.num_fds(), process.memory_info().rss
    mix(50)
    assert process.num_fds() <= handles + 2
    assert process.memory_info().rss < memory + 4 * MEBIBYTE
    assert process.memory_info().rss < 150 * MEBIBYTE
    assert list(breakable.folder.glob("tmp*")) == []


def test_all_calls_share_one_connection_to_the_model_server(running, bearer):
    def connections():
        port = int(running.demo["model_server"].rpartition(":")[2])
        found = gateway_process(running).net_connections("tcp")
        return {each.laddr for each in found if each.raddr and each.raddr.port == port}

    before = connections()
    for model in ("cnn", "gru") * 10:
        files = {"file": SAMPLE.read_bytes()}
        assert running.https.post(f"/predict/{model}", files=files, headers=bearer).status_code == 200
    assert len(before) == 1
    assert connections() == before


def test_sigterm_finishes_what_is_in_flight_and_exits_cleanly(breakable):
    token = breakable.login()
    model_server = breakable.pair.processes["model server"]
    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=SAMPLE.read_bytes()))
    model_server.send_signal(signal.SIGSTOP)
    calls = [
        breakable.rpc.Forecast.future(request, metadata=(("authorization", f"Bearer {token}"),), timeout=20)
        for _ in range(20)
    ]
    time.sleep(0.5)  # for the calls to be in flight
    gateway = breakable.pair.processes[GATEWAY]
    gateway.terminate()
    time.sleep(0.2)
    model_server.send_signal(signal.SIGCONT)
    assert [len(call.result().steps) for call in calls] == [8] * 20
    assert gateway.wait(10) == 0
    del breakable.pair.processes[GATEWAY]


def test_without_a_model_server_the_gateway_is_alive_and_not_ready(tmp_path):
    home = Home(tmp_path)
    home.set_up()
    ports = free_ports()
    pair = Pair(home, Ports(ports.https, ports.grpc, ports.model_server), MODELS)
    pair.start_gateway()
    try:
        trust = ssl.create_default_context(cafile=home.ca_file)
        with httpx.Client(verify=trust, base_url=pair.demo().https) as https:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    assert https.get("/livez").status_code == 200
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            ready = https.get("/readyz")
            assert ready.status_code == 503
            form = {"username": "demo", "password": pair.demo().password}
            token = https.post("/token", data=form).json()["access_token"]
            answer = https.post(
                "/predict/gru",
                files={"file": SAMPLE.read_bytes()},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
    finally:
        pair.stop()


def test_secrets_are_readable_by_their_owner_alone(running):
    for name in ("gateway.key", "token.key", "demo.password", "demo.json", "users.db"):
        assert (running.folder / name).stat().st_mode & 0o077 == 0, name
    log = (running.folder / "gateway.log").read_text()
    assert running.demo["password"] not in log
    assert "Bearer" not in log
