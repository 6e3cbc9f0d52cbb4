"""A model of one's own, of hours and not of quarter-hours, beside the shipped ones: all that they can."""

import shutil
from datetime import UTC, datetime, timedelta

import grpc
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE, plausible_kw, week_file
from tests.integration.client.kinds import client_of
from tests.integration.conftest import connect
from tests.integration.faults.waiting import wait_until
from tests.own_models import (
    HOUR,
    MEAN_KW,
    STD_KW,
    SUNDAY,
    hourly_file,
    hourly_kw,
    hours,
    import_hourly,
    wattgate,
)
from wattgate.forecast.v1 import forecast_service_pb2 as pb

ENOUGH_S = 30


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The three of them."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(MODELS, folder / "models")
    assert "hourly: version 1 is stable" in import_hourly(folder)
    with running_pair(folder / "var", free_ports(), folder / "models") as pair:
        client = connect(folder / "var", pair)
        with client.https, client.channel:
            yield client


@pytest.fixture
def ask(running, bearer):
    """The full call over HTTPS."""

    def post(content, *, model="hourly", status=200, **options) -> dict:
        kind = "application/json" if isinstance(content, str) else "text/csv"
        answer = running.https.post(
            f"/v1/models/{model}:forecast",
            content=content,
            params=options,
            headers={**bearer, "Content-Type": kind},
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return post


def kw_of(answer) -> list[float]:
    return [step["kw"] for step in answer["steps"]]


def test_all_three_are_served_each_with_its_own_shape(running, bearer):
    found = {
        model["name"]: model for model in running.https.get("/v1/models", headers=bearer).json()["models"]
    }
    assert {name: model["state"] for name, model in found.items()} == dict.fromkeys(found, "available")
    assert list(found) == ["cnn", "gru", "hourly"]
    assert {
        name: tuple(model["version"][what] for what in ("window", "horizon", "resolution"))
        for name, model in found.items()
    } == {"cnn": (672, 8, "PT15M"), "gru": (672, 8, "PT15M"), "hourly": (168, 24, "PT1H")}
    own = found["hourly"]["version"]
    assert [feature["name"] for feature in own["features"]] == ["load", "day_sin", "is_weekend"]
    assert (own["training"], own["signature"], own["version"]) == (None, "compiled", 1)


def test_a_file_of_hours_gets_the_day_that_its_weights_say(ask):
    kw, times = plausible_kw(200), hours(200, SUNDAY)
    answer = ask(hourly_file(times, kw))
    assert kw_of(answer) == pytest.approx(hourly_kw(kw, times[-1]), abs=1e-3)
    assert (answer["resolution"], answer["model"], answer["fallback_reason"]) == ("PT1H", "hourly", None)
    assert [datetime.fromisoformat(step["valid_from"]) for step in answer["steps"]] == hours(
        24, times[-1] + HOUR
    )
    assert datetime.fromisoformat(answer["steps"][-1]["valid_to"]) == times[-1] + 25 * HOUR
    assert datetime.fromisoformat(answer["data_from"]) == times[-168]
    for step in answer["steps"]:
        (interval,) = step["intervals"]
        assert interval["level"] == 0.8
        assert interval["lower_kw"] == pytest.approx(step["kw"] - 5)
        assert interval["upper_kw"] == pytest.approx(step["kw"] + 6)


def test_a_series_a_file_and_both_edges_agree(running, metadata, ask):
    kw = plausible_kw(168)
    by_file = ask(hourly_file(kw=kw))
    body = f'{{"start": "{SUNDAY.isoformat()}", "kw": {kw}}}'
    message = pb.ForecastRequest(model="hourly", series=pb.LoadSeries(kw=kw))
    message.series.start.FromDatetime(SUNDAY)
    over_rpc = running.rpc.Forecast(message, metadata=metadata, timeout=ENOUGH_S)
    assert ask(body) == by_file
    assert [step.kw for step in over_rpc.steps] == kw_of(by_file)
    assert over_rpc.steps[0].valid_from.ToDatetime(UTC) == SUNDAY + 168 * HOUR
    served = running.rpc.GetModel(
        pb.GetModelRequest(name="hourly"), metadata=metadata, timeout=ENOUGH_S
    ).model
    assert (served.window, served.horizon, served.resolution_s) == (168, 24, 3600)
    assert not served.HasField("training")


@pytest.mark.parametrize("kind", ["https", "grpc"])
def test_the_library_goes_by_its_steps(running, kind):
    kw, times = plausible_kw(168), hours(168, SUNDAY)
    with client_of(kind, running.demo) as client:
        own = client.models().named("hourly")
        frame = client.forecast(pd.Series(kw, pd.DatetimeIndex(times)), "hourly")
    assert (own.window, own.horizon, own.resolution_s) == (168, 24, 3600)
    assert (own.trained_until, own.mae_kw, own.naive_mae_kw) == (None, None, {})
    assert frame["kw"].tolist() == pytest.approx(hourly_kw(kw, times[-1]), abs=1e-3)
    assert list(frame.columns) == ["kw", "lower_80_kw", "upper_80_kw"]


def test_the_thesis_call_answers_a_day_of_hours_and_by_itself_still_means_the_cnn(running, bearer):
    own = running.https.post("/predict/hourly", files={"file": hourly_file()}, headers=bearer)
    assert own.json() == pytest.approx(hourly_kw(plausible_kw(168), SUNDAY + 167 * HOUR), abs=1e-3)
    named, unnamed = (
        running.https.post(path, files={"file": SAMPLE.read_bytes()}, headers=bearer).json()
        for path in ("/predict/cnn", "/predict")
    )
    assert len(unnamed) == 8
    assert unnamed == named


@pytest.mark.parametrize(
    "change", [datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC)]
)
@pytest.mark.parametrize("before", [0, 1, 100, 167])
def test_the_clock_may_change_within_the_week(ask, change, before):
    kw, times = plausible_kw(168), hours(168, change - before * HOUR)
    answer = ask(hourly_file(times, kw))
    assert kw_of(answer) == pytest.approx(hourly_kw(kw, times[-1]), abs=1e-3)
    assert datetime.fromisoformat(answer["data_from"]) == times[0]


def test_energies_of_hours_by_their_ends_are_powers_by_their_starts(ask):
    times = hours(168, SUNDAY)
    ends = hourly_file([time + HOUR for time in times], plausible_kw(168), header="Datum,Wert (kWh)")
    assert ask(ends, unit="kWh", labels="end") == ask(hourly_file(times))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (hourly_file(hours(167, SUNDAY)), "168 rows are needed (the last 7 days), there are 167"),
        (week_file(), "the rows are 15 minutes apart, the model takes 60 minutes"),
        (hourly_file(hours(168, SUNDAY + timedelta(minutes=30))), "is not on a step of 60 minutes"),
        (f'{{"start": "2024-06-02T07:15:00Z", "kw": {[1.0] * 168}}}', "start is not on a step of 60 minutes"),
    ],
)
def test_what_does_not_fit_is_refused_in_its_own_steps(ask, content, says):
    assert says in str(ask(content, status=422))


def test_hours_are_refused_by_a_model_of_quarter_hours(ask):
    assert "the rows are 60 minutes apart" in str(
        ask(hourly_file(hours(700, SUNDAY)), model="gru", status=422)
    )


def without(first, count):
    """Hours with a gap."""
    kept = [i for i in range(180) if not first <= i < first + count]
    kw, times = plausible_kw(180), hours(180, SUNDAY)
    return hourly_file([times[i] for i in kept], [kw[i] for i in kept])


def test_by_itself_an_hour_is_filled_and_more_if_asked(ask):
    (repair,) = ask(without(100, 1), gaps="linear")["repaired"]
    assert (repair["steps"], datetime.fromisoformat(repair["from"])) == (1, SUNDAY + 100 * HOUR)
    assert "at most 1 are filled" in str(ask(without(100, 2), gaps="linear", status=422))
    assert ask(without(100, 2), gaps="linear", max_gap_steps=2)["repaired"][0]["steps"] == 2


def test_a_meter_at_fault_is_answered_by_last_week(ask):
    kw = plausible_kw(168)
    answer = ask(hourly_file(kw=kw[:-12] + [kw[-13]] * 12), fallback="seasonal_naive")
    assert kw_of(answer) == kw[:24]
    assert answer["fallback_reason"].startswith("flat: ")
    assert not any(step["intervals"] for step in answer["steps"])
    longer = ask(without(100, 12), fallback="seasonal_naive")
    assert kw_of(longer) == plausible_kw(180)[12:36]
    assert longer["fallback_reason"].startswith("gap: ")


def test_a_backtest_rolls_over_hours(running, bearer):
    kw, times = plausible_kw(240), hours(240, SUNDAY)
    answer = running.https.post(
        "/v1/models/hourly:backtest",
        content=hourly_file(times, kw),
        params={"stride": 7},
        headers={**bearer, "Content-Type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    report = answer.json()
    starts = range(0, 240 - 168 - 24 + 1, 7)
    errors = [
        np.abs(np.array(hourly_kw(kw[i : i + 168], times[i + 167])) - kw[i + 168 : i + 192]) for i in starts
    ]
    assert report["windows"] == len(starts)
    assert report["mae_kw"] == pytest.approx(np.mean(errors), rel=1e-4)
    assert len(report["by_step"]) == 24
    assert set(report["naive"]) == {"last_value", "yesterday", "last_week"}
    assert 0 < report["coverage_80"] < 1


def test_a_stream_may_mix_hours_and_quarter_hours(running, metadata):
    sent = []
    for i in range(40):
        own, shipped = pb.ForecastRequest(model="hourly"), pb.ForecastRequest(model="gru")
        own.file.csv = hourly_file(kw=plausible_kw(168, seed=i))
        shipped.file.csv, shipped.file.time_zone = week_file(), "UTC"
        sent += [pb.ForecastStreamRequest(id=f"{i} {each.model}", request=each) for each in (own, shipped)]
    answers = {
        answer.id: answer.forecast.steps
        for answer in running.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=ENOUGH_S)
    }
    assert {id_: len(steps) for id_, steps in answers.items()} == {
        each.id: 24 if each.request.model == "hourly" else 8 for each in sent
    }
    for i in range(40):
        expected = hourly_kw(plausible_kw(168, seed=i), SUNDAY + 167 * HOUR)
        assert [step.kw for step in answers[f"{i} hourly"]] == pytest.approx(expected, abs=1e-3)


def test_clients_of_tensorflow_serving_reach_it_too(running, metadata):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "hourly"
    window = np.zeros((2, 168, 3), np.float32)
    request.inputs["window"].CopyFrom(tf.make_tensor_proto(window))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(running.channel)
    answer = stub.Predict(request, metadata=metadata, timeout=ENOUGH_S)
    assert tf.make_ndarray(answer.outputs["forecast"]).tolist() == np.zeros((2, 24)).tolist()
    request.inputs["window"].CopyFrom(tf.make_tensor_proto(np.zeros((1, 672, 7), np.float32)))
    with pytest.raises(grpc.RpcError, match=r"not of shape \[-1, 168, 3\]"):
        stub.Predict(request, metadata=metadata, timeout=ENOUGH_S)


def test_its_health_is_asked_by_its_name(running):
    health = health_pb2_grpc.HealthStub(running.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service="hourly"), timeout=ENOUGH_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A pair that has nothing but the hourly model, every caller of which gets the canary."""
    monkeypatch.setenv("GATEWAY_CANARY_SHARE", "1")
    import_hourly(tmp_path)
    with running_pair(tmp_path / "var", free_ports(), tmp_path / "models") as pair:
        client = connect(tmp_path / "var", pair)
        with client.https, client.channel:
            yield client


def test_a_better_version_is_imported_tried_and_promoted_while_it_runs(alone, tmp_path):
    """Judged by a load that goes on as the weights say, but for noise and 9 kW more."""
    noise = np.random.default_rng(1).normal(0, 0.4, 24 * 28)
    scaled = noise.copy()
    for hour in range(168, scaled.size):
        scaled[hour] += scaled[hour - 168] / 2 + scaled[hour - 24] / 3 + 9 / STD_KW
    weeks = tmp_path / "weeks.csv"
    weeks.write_bytes(hourly_file(hours(scaled.size, SUNDAY), (scaled * STD_KW + MEAN_KW).tolist()))
    headers = {"Authorization": f"Bearer {alone.login()}"}

    def version() -> int:
        answer = alone.https.post(
            "/v1/models/hourly:forecast",
            content=weeks.read_bytes(),
            headers={**headers, "Content-Type": "text/csv"},
        )
        return answer.json()["model_version"]

    def model() -> dict:
        return alone.https.get("/v1/models/hourly", headers=headers).json()

    assert version() == 1
    said = import_hourly(tmp_path, "--data", weeks, "--settle", "0", shift=9 / STD_KW)
    assert "hourly: version 2 is canary" in said
    wait_until(lambda: version() == 2, ENOUGH_S)
    canary = model()["canary"]
    assert (canary["version"], canary["state"]) == (2, "on_trial")
    wattgate(
        *("promote", "hourly", "--repository", tmp_path / "models"),
        *("--config", tmp_path / "var" / "models.config"),
    )
    wait_until(lambda: model()["version"]["version"] == 2, ENOUGH_S)
    listed = wattgate(
        "models", "--repository", tmp_path / "models", "--config", tmp_path / "var" / "models.config"
    )
    assert "stable" in listed
