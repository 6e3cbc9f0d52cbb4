"""Metrics under TensorFlow Serving's names, as a dashboard made for it reads them."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from tests.integration.serving.conftest import Client, run_to_end, serve

DEFAULT_PATH = "/monitoring/prometheus/metrics"
X = np.ones((1, 1), np.float32)


@pytest.fixture(scope="module")
def monitored(config_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }")
    with serve(
        folder,
        f"--model_config_file={config_file}",
        f"--monitoring_config_file={folder / 'monitoring.config'}",
    ) as running:
        yield running


def read(server, path=DEFAULT_PATH):
    answer = requests.get(server.rest_url + path, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    series = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            series[name] = float(value)
    return answer.text, series


def counts(server, model="arithmetic"):
    _, series = read(server)
    found = {}
    for name, value in series.items():
        match = re.fullmatch(
            rf':tensorflow:serving:request_count{{model_name="{model}",status="(\w+)"}}', name
        )
        if match:
            found[match[1]] = value
    return found


@pytest.mark.parametrize("stubs", ["official", "slim"])
def test_requests_are_counted_by_model_and_status_over_grpc_and_rest(monitored, stubs):
    before = counts(monitored)
    client = Client(monitored.channel, stubs)
    for _ in range(3):
        client.predict(x=X)
    client.refusal("no_such_signature", x=X)
    url = f"{monitored.rest_url}/v1/models/arithmetic:predict"
    assert requests.post(url, json={"instances": [[1.0]]}, timeout=5).status_code == 200
    assert requests.post(url, data="no json", timeout=5).status_code == 400
    after = counts(monitored)
    added = {status: count - before.get(status, 0) for status, count in after.items()}
    assert added == {"OK": 4, "FAILED_PRECONDITION": 1, "INVALID_ARGUMENT": 1}


def test_latencies_are_histograms_in_microseconds(monitored):
    Client(monitored.channel, "slim").predict(x=X)
    requests.post(
        f"{monitored.rest_url}/v1/models/arithmetic:predict", json={"instances": [[1.0]]}, timeout=5
    )
    text, series = read(monitored)
    for labels in (
        'request_latency{}{{model_name="arithmetic",API="Predict",entrypoint="GRPC"{}}}',
        'request_latency{}{{model_name="arithmetic",API="Predict",entrypoint="REST"{}}}',
        'runtime_latency{}{{model_name="arithmetic",API="Predict",runtime="TF1"{}}}',
    ):
        name = f":tensorflow:serving:{labels}"
        buckets = [
            value for found, value in series.items() if found.startswith(name.format("_bucket", ",le=")[:-1])
        ]
        assert len(buckets) == 34
        assert buckets == sorted(buckets)
        count = series[name.format("_count", "")]
        assert buckets[-1] == count > 0
        assert 1 < series[name.format("_sum", "")] / count < 10e6
    for kind, name in (("counter", "request_count"), ("histogram", "request_latency")):
        assert f"# TYPE :tensorflow:serving:{name} {kind}" in text
    assert '_bucket{model_name="arithmetic",API="Predict",entrypoint="GRPC",le="18"}' in text


def test_callers_cannot_make_up_series(monitored):
    client = Client(monitored.channel, "slim")
    before, _ = read(monitored)
    for number in range(5):
        client.refusal(model=f"made-up-{number}", x=X)
        requests.post(f"{monitored.rest_url}/v1/models/made-up-{number}:predict", data="{}", timeout=5)
    after, _ = read(monitored)
    assert "made-up" not in after
    assert len(after.splitlines()) - len(before.splitlines()) <= 2
    assert counts(monitored, "unknown")["NOT_FOUND"] >= 5


def test_what_callers_send_at_once_is_all_counted(monitored):
    client = Client(monitored.channel, "slim")
    before = counts(monitored)["OK"]
    with ThreadPoolExecutor(16) as callers:
        list(callers.map(lambda _: client.predict(x=X), range(200)))
    assert counts(monitored)["OK"] - before == 200


def test_another_path_and_none(config_file, tmp_path):
    config = tmp_path / "monitoring.config"
    flags = (f"--model_config_file={config_file}", f"--monitoring_config_file={config}")
    config.write_text('prometheus_config { enable: true path: "/metrics" }')
    with serve(tmp_path, *flags) as server:
        assert "# TYPE :tensorflow:serving:request_count counter" in read(server, "/metrics")[0]
        assert requests.get(server.rest_url + DEFAULT_PATH, timeout=5).status_code == 400
    config.write_text("prometheus_config { enable: false }")
    with serve(tmp_path, *flags) as server:
        assert requests.get(server.rest_url + DEFAULT_PATH, timeout=5).status_code == 400


def test_a_broken_file_ends_the_start(config_file, tmp_path):
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: perhaps }")
    status, out, _ = run_to_end(
        f"--model_config_file={config_file}",
        f"--monitoring_config_file={tmp_path / 'monitoring.config'}",
    )
    assert status == 255
    assert "INVALID_ARGUMENT: Invalid protobuf file" in out
