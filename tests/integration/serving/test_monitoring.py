"""Metrics under TensorFlow Serving's names, as a dashboard made for it reads them."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from google.protobuf import text_format
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from tests.integration.serving.conftest import Client, run_to_end, serve
from tests.integration.serving.waiting import wait_until

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


COUNTER = "/tensorflow/serving/request_count"


def reload(server, base, names, metrics):
    """A reload under way, to serve models in folders below `base`."""
    request = ReloadConfigRequest(metric_names=metrics)
    entry = "config {{ name: '{0}' base_path: '{1}/{0}' model_platform: 'tensorflow' }}"
    listed = " ".join(entry.format(name, base) for name in names)
    text_format.Parse(f"model_config_list {{ {listed} }}", request.config)
    return Client(server.channel, "official").models.HandleReloadConfigRequest.future(request, timeout=30)


def increases(reloaded):
    answered = reloaded.result().metric
    assert all(metric.WhichOneof("value_increase") == "int64_value_increase" for metric in answered)
    return [(metric.name, metric.int64_value_increase) for metric in answered]


def test_a_reload_tells_how_much_its_counters_rose_meanwhile(models, tmp_path):
    shutil.copytree(models / "arithmetic" / "1", tmp_path / "m" / "1")
    (tmp_path / "later").mkdir()
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    with serve(
        tmp_path,
        *("--model_name=m", f"--model_base_path={tmp_path / 'm'}"),
        f"--monitoring_config_file={tmp_path / 'monitoring.config'}",
    ) as server:
        client = Client(server.channel, "official")
        client.predict(model="m", x=X)
        latency = "/tensorflow/serving/request_latency"
        asked = reload(server, tmp_path, ["m", "later"], [latency, COUNTER, "/no/such", "", COUNTER])
        wait_until(lambda: "Adding/updating models: m, later" in server.log.read_text())
        for _ in range(3):
            client.predict(model="m", x=X)
        client.refusal("no_such_signature", model="m", x=X)
        assert not asked.done()
        shutil.copytree(tmp_path / "m" / "1", tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "later" / "1")
        assert increases(asked) == [(latency, 0), (COUNTER, 4), ("/no/such", 0), ("", 0)]
        assert increases(reload(server, tmp_path, ["later"], [COUNTER])) == [(COUNTER, 0)]
        assert increases(reload(server, tmp_path, ["later"], [])) == []


def test_without_monitoring_no_counter_rises(models, tmp_path):
    shutil.copytree(models / "arithmetic" / "1", tmp_path / "m" / "1")
    with serve(tmp_path, "--model_name=m", f"--model_base_path={tmp_path / 'm'}") as server:
        assert increases(reload(server, tmp_path, ["m"], [COUNTER])) == [(COUNTER, 0)]


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
