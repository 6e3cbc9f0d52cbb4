"""What is counted, by labels that callers cannot multiply; on a port of its own."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import httpx
import pytest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

from services.local.pair import HOST
from services.local.ports import free_ports
from tests.data import SAMPLE, csv_of, frozen_kw, quarter_hours, week_file, with_row
from tests.integration.observability.conftest import gateway_alone, samples, until
from wattgate.forecast.v1 import forecast_service_pb2 as pb

CSV = SAMPLE.read_bytes()
FORECAST = "wattgate.forecast.v1.ForecastService/Forecast"


def rose(before, after, name, **labels):
    """How much the samples of a name with these labels rose together."""
    return sum(
        value - before.get(key, 0.0)
        for key, value in after.items()
        if key[0] == name and labels.items() <= dict(key[1:]).items()
    )


def forecast(watched, token, model="gru"):
    request = pb.ForecastRequest(model=model, file=pb.MeterFile(csv=CSV))
    return watched.client.rpc.Forecast(request, metadata=[("authorization", f"Bearer {token}")], timeout=20)


def test_a_forecast_is_counted_and_timed_at_every_station(watched, token, headers):
    before = watched.metrics()
    for _ in range(3):
        forecast(watched, token)
        watched.client.https.post("/predict/gru", files={"file": CSV}, headers=headers)
    after = watched.metrics()
    rpc, https = {"edge": "grpc", "method": FORECAST}, {"edge": "https", "method": "POST /predict/{model}"}
    assert rose(before, after, "wattgate_requests_total", **rpc, model="gru", code="OK") == 3
    assert rose(before, after, "wattgate_requests_total", **https, model="gru", code="200") == 3
    for edge in (rpc, https):
        assert rose(before, after, "wattgate_request_seconds_count", **edge, model="gru") == 3
    assert rose(before, after, "wattgate_admission_wait_seconds_count") == 6
    assert rose(before, after, "wattgate_preprocessing_seconds_count", stage="read") == 6
    assert rose(before, after, "wattgate_preprocessing_seconds_count", stage="features") == 6
    target = watched.client.demo["model_server"].replace("localhost", "127.0.0.1")
    hop = {"target": target, "method": "Predict"}
    assert rose(before, after, "wattgate_model_server_seconds_count", **hop) >= 6
    assert rose(before, after, "wattgate_model_server_calls_total", **hop, code="OK") >= 6
    assert after["wattgate_breaker_open", ("target", target)] == 0
    assert after["wattgate_model_available", ("model", "gru")] == 1
    for gauge in (
        "wattgate_forecasts_at_work",
        "wattgate_forecasts_queued",
        "wattgate_log_lines_dropped_total",
    ):
        assert after[gauge,] == 0
    assert after["process_resident_memory_bytes",] < 200e6


def test_a_call_passed_through_is_counted_by_its_model(watched, token):
    before = watched.metrics()
    request = GetModelStatusRequest()
    request.model_spec.name = "gru"
    ModelServiceStub(watched.client.channel).GetModelStatus(
        request, metadata=[("authorization", f"Bearer {token}")], timeout=20
    )
    labels = {"edge": "grpc", "method": "tensorflow.serving.ModelService/GetModelStatus", "model": "gru"}
    assert rose(before, watched.metrics(), "wattgate_requests_total", **labels, code="OK") == 1


def test_a_stream_tells_the_sizes_of_its_batches(watched, token):
    before = watched.metrics()
    sent = [
        pb.ForecastStreamRequest(
            id=str(i), request=pb.ForecastRequest(model="cnn", file=pb.MeterFile(csv=CSV))
        )
        for i in range(40)
    ]
    metadata = [("authorization", f"Bearer {token}")]
    assert len(list(watched.client.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=60))) == 40
    after = watched.metrics()
    assert rose(before, after, "wattgate_stream_batch_size_sum") == 40
    assert 1 <= rose(before, after, "wattgate_stream_batch_size_count") < 40


def test_repairs_warnings_and_fallbacks_are_counted_and_fallbacks_told_to_the_log(watched, headers):
    before = watched.metrics()

    def post(content, **options):
        params = {"tz": "UTC", **options}
        answer = watched.client.https.post(
            "/v1/models/gru:forecast", files={"file": content}, params=params, headers=headers
        )
        assert answer.status_code == 200, answer.text
        (told,) = watched.events(answer.headers["X-Request-ID"])
        return told

    gappy = with_row(with_row(week_file(680), 601, None), 601, None)
    frozen = csv_of(quarter_hours(672), frozen_kw(672))
    assert "fallback" not in post(gappy, gaps="linear")
    assert "fallback" not in post(frozen)
    assert post(frozen, fallback="seasonal_naive")["fallback"] == "flat"
    assert post(gappy, fallback="seasonal_naive")["fallback"] == "gap"
    after = watched.metrics()
    assert rose(before, after, "wattgate_repaired_steps_total") == 2
    assert rose(before, after, "wattgate_warnings_total", rule="flat") == 2
    for reason in ("flat", "gap"):
        assert rose(before, after, "wattgate_fallbacks_total", reason=reason) == 1


def test_what_callers_make_up_makes_no_series(watched, token, headers):
    https, channel = watched.client.https, watched.client.channel

    def make_up(_):
        word = secrets.token_hex(4)
        https.get(f"/{word}")
        https.request("DELETE", f"/predict/{word}")
        https.get(f"/v1/models/{word}", headers=headers)
        https.post(f"/predict/{word}", files={"file": CSV}, headers=headers)
        https.post(f"/v1/models/{word}:forecast", content=b"", headers={"X-Request-ID": word})
        for call in (
            lambda: channel.unary_unary(f"/{word}.Service/{word}")(b"", timeout=20),
            lambda: forecast(watched, token, word),
        ):
            with pytest.raises(grpc.RpcError):
                call()

    def series():
        return {key for key in watched.metrics() if key[0].startswith("wattgate_")}

    make_up(0)
    known = series()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_up, range(100)))
    assert series() == known


def test_the_metrics_port_answers_nothing_else_and_the_edges_no_metrics(watched, headers):
    for path in ("/", "/metrics/", "/readyz", "/metrics2"):
        assert httpx.get(watched.metrics_url + path).status_code == 404
    assert httpx.post(f"{watched.metrics_url}/metrics").status_code == 404
    assert watched.client.https.get("/metrics", headers=headers).status_code == 404


def test_workers_answer_one_port_after_another_and_all_together_is_the_whole(tmp_path):
    port = free_ports().https
    with gateway_alone(tmp_path, WORKERS=2, METRICS_PORT=port) as (_, client):
        urls = [f"http://{HOST}:{port}", f"http://{HOST}:{port + 1}"]

        def counted():
            with suppress(httpx.TransportError):
                return [rose({}, samples(url), "wattgate_requests_total", code="404") for url in urls]

        until(counted, bool)  # both have started
        for _ in range(10):
            # A connection for each: the kernel deals them out.
            client.get("/nothing", headers={"Connection": "close"})
        assert sum(counted()) == 10
