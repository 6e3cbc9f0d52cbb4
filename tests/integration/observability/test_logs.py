"""A log that nobody reads holds up neither calls nor the end of the gateway."""

import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import threading
import time

import httpx
import pytest

from services.local.home import Home
from services.local.pair import HOST, free_ports

CALLS = 1500


@pytest.fixture
def gateway(tmp_path):
    """A gateway alone, whose log goes into a pipe that is read when the test says so."""
    home = Home(tmp_path)
    tmp_path.mkdir(exist_ok=True)
    home.set_up()
    ports = free_ports()
    settings = {
        "BIND_ADDRESS": HOST,
        "HTTPS_PORT": ports.https,
        "GRPC_PORT": ports.grpc,
        "TLS_CERTIFICATE": home.certificate,
        "TLS_KEY": home.key,
        "TOKEN_KEY": home.token_key,
        "DATABASE_URL": home.database_url,
        "MODEL_SERVER": f"{HOST}:{ports.model_server}",
    }
    environment = {f"GATEWAY_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.gateway"], stderr=subprocess.PIPE, env={**os.environ, **environment}
    )
    trust = ssl.create_default_context(cafile=home.ca_file)
    with process, httpx.Client(base_url=f"https://{HOST}:{ports.https}", verify=trust, timeout=20) as client:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                client.get("/livez")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process, client
        process.kill()


def took_s(client, times):
    """How long calls took that are told of in the log."""
    durations = []
    for _ in range(times):
        began = time.monotonic()
        assert client.post("/predict/gru").status_code == 401
        durations.append(time.monotonic() - began)
    return durations


def test_a_log_that_nobody_reads_holds_nobody_up(gateway):
    process, client = gateway
    while_it_fits = took_s(client, 100)
    took_s(client, CALLS)  # some four times what the pipe holds
    while_blocked = took_s(client, 100)
    assert statistics.median(while_blocked) < 3 * statistics.median(while_it_fits)
    written = []
    reading = threading.Thread(target=lambda: written.append(process.stderr.read()))
    reading.start()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    reading.join(20)
    lines = [json.loads(line) for line in written[0].splitlines()]
    assert sum(line["event"] == "answered" for line in lines) == CALLS + 200


def test_a_log_that_nobody_reads_does_not_hold_up_the_end(gateway):
    process, client = gateway
    took_s(client, CALLS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
