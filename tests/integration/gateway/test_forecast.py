"""One history, four ways in: the same forecast to the last bit, with times, units and the model's version."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.data import BERLIN, MONDAY, SAMPLE, plausible_kw, week_file
from wattgate.forecast.v1 import forecast_service_pb2 as pb

KW = plausible_kw(700)
START = Timestamp(seconds=int(MONDAY.timestamp()))


@pytest.fixture(params=["cnn", "gru"])
def model(request):
    return request.param


@pytest.mark.requirement("FR5")
def test_every_way_in_gives_the_same_forecast(running, bearer, metadata, model):
    path = f"/v1/models/{model}:forecast"
    content = week_file(700)
    answers = [
        running.https.post(path, files={"file": content}, params={"tz": "UTC"}, headers=bearer).json(),
        running.https.post(
            path, content=content, params={"tz": "UTC"}, headers={**bearer, "Content-Type": "text/csv"}
        ).json(),
        running.https.post(path, json={"start": MONDAY.isoformat(), "kw": KW}, headers=bearer).json(),
    ]
    assert answers[0] == answers[1] == answers[2]
    requests = [
        pb.ForecastRequest(model=model, series=pb.LoadSeries(start=START, kw=KW)),
        pb.ForecastRequest(model=model, file=pb.MeterFile(csv=content, time_zone="UTC")),
    ]
    for request in requests:
        answer = running.rpc.Forecast(request, metadata=metadata, timeout=10)
        assert [step.kw for step in answer.steps] == [step["kw"] for step in answers[0]["steps"]]
        assert [step.valid_from.ToDatetime() for step in answer.steps] == [
            datetime.fromisoformat(step["valid_from"]).replace(tzinfo=None) for step in answers[0]["steps"]
        ]
        assert [[i.lower_kw for i in step.intervals] for step in answer.steps] == [
            [i["lower_kw"] for i in step["intervals"]] for step in answers[0]["steps"]
        ]
        assert (answer.model, answer.model_version, answer.unit) == (model, 1, "kW")


@pytest.mark.requirement("FR3")
def test_a_forecast_describes_itself(running, bearer, model):
    answer = running.https.post(
        f"/v1/models/{model}:forecast", files={"file": SAMPLE.read_bytes()}, headers=bearer
    ).json()
    last = datetime.fromisoformat(SAMPLE.read_text().splitlines()[-1].split(",")[0]).replace(tzinfo=BERLIN)
    steps = answer["steps"]
    assert len(steps) == 8
    assert datetime.fromisoformat(steps[0]["valid_from"]) == last + timedelta(minutes=15)
    assert all(a["valid_to"] == b["valid_from"] for a, b in pairwise(steps))
    assert answer["data_until"] == steps[0]["valid_from"]
    assert (answer["unit"], answer["resolution"], answer["time_zone"]) == ("kW", "PT15M", "Europe/Berlin")
    assert (answer["model"], answer["model_version"]) == (model, 1)
    for step in steps:
        narrow, wide = step["intervals"]
        assert (narrow["level"], wide["level"]) == (0.8, 0.95)
        assert wide["lower_kw"] <= narrow["lower_kw"] < step["kw"] < narrow["upper_kw"] <= wide["upper_kw"]


def test_only_the_last_window_counts(running, bearer, model):
    rows = SAMPLE.read_text().splitlines()
    short = "\n".join([rows[0], *rows[-672:]]).encode()
    long, short = (
        running.https.post(f"/predict/{model}", files={"file": content}, headers=bearer).json()
        for content in (SAMPLE.read_bytes(), short)
    )
    assert long == short


def test_the_zone_is_the_models_unless_the_caller_names_one(running, bearer):
    answers = [
        running.https.post(
            "/v1/models/gru:forecast",
            files={"file": SAMPLE.read_bytes()},
            params={"tz": tz} if tz else None,
            headers=bearer,
        ).json()["data_until"]
        for tz in (None, "Europe/Berlin", "UTC")
    ]
    assert answers[0] == answers[1] != answers[2]


def test_models_are_listed_with_version_scaler_and_score(running, bearer, metadata):
    models = running.https.get("/v1/models", headers=bearer).json()["models"]
    assert [model["name"] for model in models] == ["cnn", "gru"]
    listed = running.rpc.ListModels(pb.ListModelsRequest(), metadata=metadata).models
    for document, message in zip(models, listed, strict=True):
        assert document == running.https.get(f"/v1/models/{document['name']}", headers=bearer).json()
        assert message == running.rpc.GetModel(pb.GetModelRequest(name=message.name), metadata=metadata).model
        version = document["version"]
        assert (document["state"], document["reason"]) == ("available", None)
        assert message.state == pb.Model.STATE_AVAILABLE
        assert (version["version"], version["window"], version["horizon"]) == (1, 672, 8)
        assert (message.version, message.window, message.horizon) == (1, 672, 8)
        # The embedded server runs the compiled signature, so the gateway takes it.
        assert version["signature"] == message.signature == "compiled"
        assert [feature["name"] for feature in version["features"]] == [f.name for f in message.features]
        assert version["features"][0]["mean"] == message.features[0].mean
        assert 0 < version["training"]["mae_kw"] < min(version["training"]["naive_mae_kw"].values())


def test_health_is_open_to_all_and_says_when_every_model_answers(running):
    assert running.https.get("/livez").json() == {"status": "alive"}
    ready = running.https.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["models"] == {"cnn": "available", "gru": "available"}


@pytest.mark.requirement("FR8")
def test_two_models_answer_at_once(running, bearer, metadata):
    content = SAMPLE.read_bytes()
    alone = {
        name: running.https.post(f"/predict/{name}", files={"file": content}, headers=bearer).json()
        for name in ("cnn", "gru")
    }
    calls = [
        (
            name,
            running.rpc.Forecast.future(
                pb.ForecastRequest(model=name, file=pb.MeterFile(csv=content)), metadata=metadata, timeout=20
            ),
        )
        for name in ("cnn", "gru") * 20
    ]
    for name, call in calls:
        assert [step.kw for step in call.result().steps] == alone[name]


def test_what_is_declared_of_a_file_counts_alike_over_both_edges(running, bearer, metadata):
    """Energies, labelled at the end of their quarter-hours, in a column of their own: the same load."""
    usual = running.https.post(
        "/v1/models/gru:forecast", files={"file": week_file(700)}, params={"tz": "UTC"}, headers=bearer
    ).json()
    header, *rows = week_file(700).decode().splitlines()
    lines = ["Lastgang", header.replace("Wert (kW)", "Bezug")]
    for row in rows:
        time, kw = row.split(",")
        end = datetime.fromisoformat(time) + timedelta(minutes=15)
        lines.append(f"{end:%Y-%m-%d %H:%M:%S},{float(kw) / 4!r}")
    content = "\n".join([*lines, "Summe,0"]).encode()
    options = {"tz": "UTC", "column": "Bezug", "unit": "kWh", "labels": "end"}
    https = running.https.post(
        "/v1/models/gru:forecast", files={"file": content}, params=options, headers=bearer
    )
    assert https.status_code == 200, https.text
    assert https.json()["steps"] == usual["steps"]
    file = pb.MeterFile(
        csv=content,
        time_zone="UTC",
        column="Bezug",
        unit=pb.MeterFile.UNIT_KWH,
        labels=pb.MeterFile.LABELS_END,
    )
    rpc = running.rpc.Forecast(pb.ForecastRequest(model="gru", file=file), metadata=metadata, timeout=10)
    assert [step.kw for step in rpc.steps] == [step["kw"] for step in usual["steps"]]
