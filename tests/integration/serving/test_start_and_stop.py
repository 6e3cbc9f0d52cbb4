"""What the server does before the first and after the last request."""

import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests

from services.local.ports import free_port
from tests.integration.serving.conftest import (
    Client,
    export_arithmetic,
    export_slow,
    launch,
    run_to_end,
    serve,
    warmup_record,
    write_warmup,
)

FAILED = 255
LONG = 200_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_in_flight_finish(config_file, tmp_path, number):
    with serve(tmp_path, f"--model_config_file={config_file}") as server, ThreadPoolExecutor() as callers:
        client = Client(server.channel, "slim")
        by_grpc = client.prediction.Predict.future(
            client.request(model="slow", steps=np.array([LONG], np.int32))
        )
        url = f"{server.rest_url}/v1/models/slow:predict"
        by_rest = callers.submit(requests.post, url, json={"instances": [LONG]}, timeout=30)
        time.sleep(0.3)
        server.process.send_signal(number)
        time.sleep(0.3)
        with pytest.raises(grpc.RpcError), grpc.insecure_channel(f"127.0.0.1:{server.port}") as late:
            Client(late, "slim").predict(x=np.ones((1, 1), np.float32))
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)
        assert not by_grpc.done()  # or the test shows nothing
        assert by_grpc.result().outputs["done"].int_val[:] == [LONG]
        assert by_rest.result().json()["predictions"][0]["done"] == LONG
        assert server.process.wait(10) == 0


def test_a_signal_ends_loading(tmp_path):
    folder = export_slow(tmp_path / "slow" / "1")
    write_warmup(folder, [warmup_record("serving_default", steps=np.array([2**31 - 1], np.int32))])
    with launch(
        f"--port={free_port()}", f"--model_base_path={folder.parent}", stderr=subprocess.PIPE, text=True
    ) as process:
        assert any("Loading servable version {name: default version: 1}" in line for line in process.stderr)
        process.terminate()
        assert process.wait(10) == 0


def test_an_idle_server_stops_at_once_and_logs_no_tensors(config_file, tmp_path):
    with serve(
        tmp_path, f"--model_config_file={config_file}", "--no_such_flag=3", "--xla_cpu_compilation_enabled"
    ) as server:
        Client(server.channel, "slim").predict(x=np.full((1, 1), 1234.5, np.float32))
        assert requests.get(f"{server.rest_url}/v1/models/slow", timeout=5).status_code == 200
        assert server.stop() == 0
    log = server.log.read_text()
    assert f"Running gRPC ModelServer at 127.0.0.1:{server.port} ..." in log
    assert f"Exporting HTTP/REST API at:127.0.0.1:{server.rest_port} ..." in log
    assert "Unknown flag, ignored: --no_such_flag=3" in log
    assert "xla" not in log
    assert "1234" not in log


def test_a_config_that_does_not_parse(tmp_path):
    broken = tmp_path / "models.config"
    broken.write_text("model_config_list { config { name: ")
    status, _, err = run_to_end(f"--model_config_file={broken}")
    assert status != 0
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in err


def test_a_model_that_does_not_load(models, tmp_path):
    folder = tmp_path / "broken" / "1"
    shutil.copytree(models / "arithmetic" / "1", folder)
    (folder / "saved_model.pb").write_bytes(b"\xff" * 100)
    status, out, _ = run_to_end(f"--model_base_path={folder.parent}")
    assert status == FAILED
    assert out.startswith("Failed to start server. Error: ")
    assert str(folder) in out


def test_no_model_at_all():
    status, out, _ = run_to_end()
    assert status == FAILED
    assert out.startswith("Failed to start server. Error: INVALID_ARGUMENT: Both model_base_path and")


def test_a_warm_up_that_fails_keeps_the_version_away(tmp_path):
    folder = export_arithmetic(tmp_path / "cold" / "1", 1)
    write_warmup(folder, [warmup_record("no_such_signature")])
    status, out, _ = run_to_end(f"--model_base_path={folder.parent}")
    assert status == FAILED
    assert 'Serving signature key "no_such_signature" not found.' in out


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
def test_a_taken_port_is_named(models, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"port": free_port(), "rest_api_port": free_port(), flag: taken.getsockname()[1]}
        flags = [f"--{name}={port}" for name, port in ports.items()]
        status, out, _ = run_to_end(f"--model_base_path={models / 'slow'}", *flags)
    assert status == FAILED
    assert f"cannot listen on 127.0.0.1:{ports[flag]}" in out


def test_one_port_for_both_leaves_rest_off(models, tmp_path):
    with serve(tmp_path, f"--model_base_path={models / 'arithmetic'}", one_port=True) as server:
        answer = Client(server.channel, "slim").outputs(model="default", x=np.ones((1, 1), np.float32))
    assert answer["y"] == 3.5
    assert "REST is off" in server.log.read_text()
