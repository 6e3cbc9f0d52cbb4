"""A log that nobody reads holds up neither calls nor the end of the gateway."""

import json
import signal
import statistics
import subprocess
import threading
import time

import pytest

from tests.integration.observability.conftest import gateway_alone

CALLS = 1500


@pytest.fixture
def gateway(tmp_path):
    """A gateway alone, whose log goes into a pipe that is read when the test says so."""
    with gateway_alone(tmp_path, stderr=subprocess.PIPE) as (process, client):
        yield process, client


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
