"""A model server that is down, hangs or comes back: clear errors in time, and no restart of the gateway."""

import signal
import time

import grpc
import pytest

from services.local.pair import MODEL_SERVER
from tests.data import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb

REQUEST = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=SAMPLE.read_bytes()))
TIMEOUT_S = 3.0


@pytest.fixture
def edges(breakable):
    """Forecast over both edges: HTTPS response, and gRPC status code or None."""
    token = breakable.login()

    def call(*, rpc_timeout_s: float = 30):
        response = breakable.https.post(
            "/predict/gru",
            files={"file": SAMPLE.read_bytes()},
            headers={"Authorization": f"Bearer {token}"},
        )
        try:
            breakable.rpc.Forecast(
                REQUEST, metadata=(("authorization", f"Bearer {token}"),), timeout=rpc_timeout_s
            )
        except grpc.RpcError as error:
            return response, error
        return response, None

    return call


def wait_for(condition, *, within_s=30.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def test_a_model_server_that_dies_and_comes_back(breakable, edges):
    pair = breakable.pair
    before = edges()[0].json()
    pair.processes[MODEL_SERVER].kill()
    pair.processes.pop(MODEL_SERVER).wait()
    response, error = edges()
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["reason"] == "MODEL_UNAVAILABLE"
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == response.json()["detail"]
    wait_for(lambda: breakable.https.get("/readyz").status_code == 503)
    assert breakable.https.get("/livez").status_code == 200
    pair.start_model_server()
    wait_for(lambda: breakable.https.get("/readyz").status_code == 200)
    response, error = edges()
    assert (response.json(), error) == (before, None)


@pytest.mark.requirement("NFR1")
def test_a_model_server_that_hangs_is_given_up_on_in_time(breakable, edges):
    process = breakable.pair.processes[MODEL_SERVER]
    process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        response, error = edges(rpc_timeout_s=1)
        took_s = time.monotonic() - started
        assert response.status_code == 504
        assert response.json()["reason"] == "DEADLINE_EXCEEDED"
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert took_s < TIMEOUT_S + 1 + 1  # the gateway's own, the caller's, and some slack
        wait_for(lambda: breakable.https.get("/readyz").status_code == 503)
    finally:
        process.send_signal(signal.SIGCONT)
    wait_for(lambda: breakable.https.get("/readyz").status_code == 200)
    assert edges()[0].status_code == 200
