"""Bad requests of every kind on both edges at once: each is refused, and nobody else notices."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests
from grpc import StatusCode

from tests.integration.serving.conftest import Client

pytestmark = pytest.mark.alone

X = np.array([[1], [2]], np.float32)
ROUNDS = 3


def grpc_abuse(client):
    """Calls, each with the code it must end in."""
    raw = client.prediction.Predict

    def names_100_000():
        return raw(client.request(x=X, outputs=[f"name{number}" for number in range(100_000)]))

    def message_100_mb():
        return raw(client.request(x=np.zeros((25_000_000, 1), np.float32)))

    def a_tensor_of_one_value_that_asks_for_8_tb():
        request = client.request(x=X, packed=False)
        request.inputs["x"].tensor_shape.dim[0].size = 2**40
        return raw(request)

    def a_negative_dimension():
        request = client.request(x=X)
        request.inputs["x"].tensor_shape.dim[0].size = -1
        return raw(request)

    def dimensions_that_overflow():
        request = client.request(x=X)
        request.inputs["x"].tensor_shape.dim.add(size=2**62)
        request.inputs["x"].tensor_shape.dim.add(size=0)
        return raw(request)

    def a_dtype_there_is_not():
        request = client.request(x=X)
        request.inputs["x"].dtype = 99
        return raw(request)

    def inputs_10_000():
        return raw(client.request(**{f"name{number}": X for number in range(10_000)}))

    return {
        names_100_000: StatusCode.INVALID_ARGUMENT,
        message_100_mb: StatusCode.RESOURCE_EXHAUSTED,
        a_tensor_of_one_value_that_asks_for_8_tb: StatusCode.INVALID_ARGUMENT,
        a_negative_dimension: StatusCode.INVALID_ARGUMENT,
        dimensions_that_overflow: StatusCode.INVALID_ARGUMENT,
        a_dtype_there_is_not: StatusCode.INVALID_ARGUMENT,
        inputs_10_000: StatusCode.INVALID_ARGUMENT,
    }


REST_ABUSE = {
    b"[" * 1_000_000: 400,
    b'{"instances": ' + b"[" * 500 + b"1" + b"]" * 500 + b"}": 400,
    b'{"inputs": ' + b'{"x":' * 500 + b"1" + b"}" * 500 + b"}": 400,
    b'{"examples": [' + b'{"x":' * 500 + b"1" + b"}" * 500 + b"]}": 400,
    b'{"instances": [[' + b"9" * 100_000 + b"]]}": 400,
    b'{"instances": [["' + b"a" * 1_000_000 + b'"]]}': 400,
    b'{"instances": [' + b"[]," * 2_000_001 + b"1]}": 400,
}


def test_nobody_else_notices(server):
    client = Client(server.channel, "slim")
    url = f"{server.rest_url}/v1/models/arithmetic:predict"
    over = threading.Event()

    def good_calls():
        count = 0
        while not over.is_set():
            assert client.outputs(x=X)["y"].tolist() == [[3.5], [4.0]]
            answer = requests.post(url, json={"instances": [[1.0]]}, timeout=30)
            assert answer.json() == {"predictions": [[3.5]]}
            count += 1
        return count

    def bad_call(call, code):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert (call.__name__, caught.value.code()) == (call.__name__, code)
        assert "internal error" not in caught.value.details()

    def bad_post(body, status):
        answer = requests.post(url, data=body, timeout=30)
        assert answer.status_code == status
        assert len(answer.text) < 1000
        assert "internal error" not in answer.text

    with ThreadPoolExecutor(8) as callers:
        good = [callers.submit(good_calls) for _ in range(2)]
        try:
            bad = [
                callers.submit(bad_call, *each) for _ in range(ROUNDS) for each in grpc_abuse(client).items()
            ]
            bad += [callers.submit(bad_post, *each) for _ in range(ROUNDS) for each in REST_ABUSE.items()]
            for call in bad:
                call.result()
        finally:
            over.set()
        assert all(call.result() > 0 for call in good)
    assert "Traceback" not in server.log.read_text()
