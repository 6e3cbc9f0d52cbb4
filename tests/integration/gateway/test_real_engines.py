"""The gateway before Triton, BentoML and the rest, each as it is: the same forecasts as before ours.

`make bench-frameworks` installs them, some gigabytes; without them these are skipped.
"""

import time

import grpc
import httpx
import pytest

from tests.benchmarks.engines import engine
from tests.data import MODELS, SAMPLE
from tests.integration.faults.gateways import Gateway

WEEK = SAMPLE.read_bytes()


@pytest.fixture(scope="module", params=engine.ENGINES)
def gateway(request, home, tmp_path_factory):
    """A gateway, and the process of the engine behind it."""
    python = engine.installed(request.param)
    if python is None:
        pytest.skip(f"{request.param} is not installed here: make bench-frameworks does")
    adapter = engine.ENGINES[request.param].adapter
    log = tmp_path_factory.mktemp(request.param) / "log"
    settings = {"engine": adapter, "models": '["gru"]', "default_model": "gru", "model_poll_s": 0.2}
    with (
        engine.serving(request.param, python, MODELS, log) as running,
        Gateway(home, [running.address(adapter)], **settings) as gateway,
    ):
        yield gateway


def forecast(gateway, content=WEEK):
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "text/csv"}
    with httpx.Client(base_url=gateway.url, verify=gateway.trust, timeout=10) as https:
        return https.post("/v1/models/gru:forecast", content=content, headers=headers)


def test_it_forecasts_as_before_our_own_model_server(gateway, running, bearer):
    ours = running.https.post("/v1/models/gru:forecast", files={"file": WEEK}, headers=bearer).json()
    theirs = forecast(gateway).json()
    assert [step["kw"] for step in theirs["steps"]] == pytest.approx(
        [step["kw"] for step in ours["steps"]], abs=1e-3
    )
    assert [step["valid_from"] for step in theirs["steps"]] == [step["valid_from"] for step in ours["steps"]]


def test_a_faulty_file_gets_the_same_words(gateway, running, bearer):
    content = WEEK.replace(b",", b";", 3)
    ours = running.https.post("/v1/models/gru:forecast", files={"file": content}, headers=bearer)
    theirs = forecast(gateway, content)
    assert theirs.status_code == ours.status_code == 422
    assert theirs.json()["errors"] == ours.json()["errors"]


def test_a_fleet_is_forecast_by_it_too(gateway):
    from wattgate.forecast.v1 import forecast_service_pb2 as pb
    from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK))
    trust = grpc.ssl_channel_credentials(gateway.ca_file.read_bytes())
    with grpc.secure_channel(f"localhost:{gateway.grpc_port}", trust) as channel:
        answers = ForecastServiceStub(channel).ForecastStream(
            (pb.ForecastStreamRequest(id=str(n), request=request) for n in range(50)),
            metadata=[("authorization", f"Bearer {gateway.token}")],
            timeout=60,
        )
        assert {answer.id for answer in answers if answer.HasField("forecast")} == {str(n) for n in range(50)}


def test_it_stays_ready(gateway):
    time.sleep(1)
    assert gateway.get("/readyz").status_code == 200
