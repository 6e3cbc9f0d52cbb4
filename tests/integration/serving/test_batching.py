"""Batching, as callers of a real server see it."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests

from tests.integration.serving.conftest import Client, run_to_end, serve

FAILED = 255
PARAMETERS = """
max_batch_size { value: 8 }
batch_timeout_micros { value: 1000000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 1 allowed_batch_sizes: 4 allowed_batch_sizes: 8
"""


@pytest.fixture(scope="module")
def batching_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("batching") / "batching.config"
    path.write_text(PARAMETERS)
    return path


@pytest.fixture(scope="module")
def server(config_file, batching_file, tmp_path_factory):
    with serve(
        tmp_path_factory.mktemp("server"),
        f"--model_config_file={config_file}",
        "--enable_batching",
        f"--batching_parameters_file={batching_file}",
    ) as running:
        yield running


@pytest.fixture(params=["official", "slim"])
def client(server, request):
    return Client(server.channel, request.param)


def test_concurrent_callers_each_get_their_own_rows(client):
    def ask(number):
        x = np.full((1 + number % 2, 1), number, np.float32)
        return np.array_equal(client.outputs(x=x, version=1)["y"], x / 2 + 2)

    with ThreadPoolExecutor(32) as callers:
        assert all(callers.map(ask, range(64)))


def test_callers_at_the_same_time_are_one_batch_over_grpc_and_rest(client, server):
    """A batch that is full does not wait, one that is not does: so many runs took so many batches."""
    with ThreadPoolExecutor(8) as callers:
        began = time.monotonic()
        by_grpc = [
            callers.submit(client.outputs, x=np.full((1, 1), number, np.float32), version=1)
            for number in range(7)
        ]
        url = f"{server.rest_url}/v1/models/arithmetic/versions/1:predict"
        by_rest = callers.submit(requests.post, url, json={"instances": [[7.0]]}, timeout=10)
        assert by_rest.result().json() == {"predictions": [[5.5]]}
        assert [answer.result()["y"].item() for answer in by_grpc] == [n / 2 + 2 for n in range(7)]
        assert time.monotonic() - began < 1


def test_a_lone_request_waits_for_no_more_than_the_timeout(client):
    began = time.monotonic()
    client.outputs(x=np.ones((1, 1), np.float32))
    assert 1 <= time.monotonic() - began < 2


def test_too_large_a_request_is_told_the_limit(client):
    assert client.refusal(x=np.ones((9, 1), np.float32)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Task size 9 is larger than maximum input batch size 8",
    )


def test_a_signature_without_inputs_runs_by_itself(client):
    assert client.outputs("spec")["spec"].item() == b'{"format": 1}'


def test_a_caller_in_a_hurry_is_not_kept(client):
    began = time.monotonic()
    code, _ = client.refusal(x=np.ones((1, 1), np.float32), timeout=0.1)
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match",
        ),
        ("max_batch_size {", "Invalid protobuf file"),
    ],
)
def test_parameters_that_cannot_be_meant_end_the_start(config_file, tmp_path, text, said):
    (tmp_path / "batching.config").write_text(text)
    status, out, _ = run_to_end(
        f"--model_config_file={config_file}",
        "--enable_batching",
        f"--batching_parameters_file={tmp_path / 'batching.config'}",
    )
    assert status == FAILED
    assert out.startswith("Failed to start server. Error: INVALID_ARGUMENT")
    assert said in out
