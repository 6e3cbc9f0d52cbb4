"""Gaps and meters at fault, over both edges alike: filled, warned of, fallen back from, or refused."""

from datetime import datetime

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pipelines.spec import Observed
from tests.data import MONDAY, QUARTER, csv_of, frozen_kw, plausible_kw, quarter_hours, week_file, with_row
from tests.integration.gateway.in_process import SPEC, ModelServer, edges
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

PATH = "/v1/models/gru:forecast"
KW = plausible_kw(680)
WEEK = week_file(680)
START = Timestamp(seconds=int(MONDAY.timestamp()))
ONE_GAP = with_row(with_row(WEEK, 601, None), 601, None)
LONG_GAP = csv_of(quarter_hours(100) + quarter_hours(680)[200:], KW[:100] + KW[200:])
FROZEN = csv_of(quarter_hours(680), frozen_kw(680))

LINEAR = pb.GapPolicy(method=pb.GapPolicy.METHOD_LINEAR)
OPTIONS = {
    "strict": ({}, {}),
    "linear": ({"gaps": "linear"}, {"gaps": LINEAR}),
    "linear of 1": (
        {"gaps": "linear", "max_gap_steps": 1},
        {"gaps": pb.GapPolicy(method=pb.GapPolicy.METHOD_LINEAR, max_steps=1)},
    ),
    "fallback": ({"fallback": "seasonal_naive"}, {"fallback": pb.FALLBACK_SEASONAL_NAIVE}),
    "as usual": (
        {"gaps": "reject", "fallback": "none"},
        {"gaps": pb.GapPolicy(method=pb.GapPolicy.METHOD_REJECT), "fallback": pb.FALLBACK_NONE},
    ),
}


@pytest.fixture
def ask(running, bearer, metadata):
    """The answers of both edges to a file under the same options, or their errors."""

    def call(content, options):
        query, fields = OPTIONS[options]
        https = running.https.post(
            PATH, files={"file": content}, params={"tz": "UTC", **query}, headers=bearer
        )
        file = pb.MeterFile(csv=content, time_zone="UTC")
        try:
            rpc = running.rpc.Forecast(
                pb.ForecastRequest(model="gru", file=file, **fields), metadata=metadata, timeout=10
            )
        except grpc.RpcError as error:
            rpc = error
        return https, rpc

    return call


def answered(https, rpc):
    """What HTTPS answered, after gRPC was found to answer the same."""
    assert https.status_code == 200, https.text
    said = https.json()
    assert [step.kw for step in rpc.steps] == [step["kw"] for step in said["steps"]]
    assert [len(step.intervals) for step in rpc.steps] == [len(step["intervals"]) for step in said["steps"]]
    assert [
        {"from": time(getattr(repair, "from")), "until": time(repair.until), "steps": repair.steps}
        for repair in rpc.repaired
    ] == [
        {
            "from": datetime.fromisoformat(repair["from"]),
            "until": datetime.fromisoformat(repair["until"]),
            "steps": repair["steps"],
        }
        for repair in said["repaired"]
    ]
    assert all(repair.method == pb.GapPolicy.METHOD_LINEAR for repair in rpc.repaired)
    assert all(repair["method"] == "linear" for repair in said["repaired"])
    assert [
        (warning.rule, warning.message, warning.row, warning.line, warning.column) for warning in rpc.warnings
    ] == [(w["rule"], w["message"], w["row"], w["line"] or 0, w["column"] or "") for w in said["warnings"]]
    assert rpc.fallback_reason == (said["fallback_reason"] or "")
    assert (rpc.model, rpc.model_version) == (said["model"], said["model_version"]) == ("gru", 1)
    return said


def time(stamp):
    return stamp.ToDatetime(MONDAY.tzinfo)


def refused(https, rpc):
    """The words of both edges."""
    problem = https.json()
    assert (https.status_code, problem["reason"]) == (422, "INVALID_HISTORY")
    assert rpc.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert rpc.details() == problem["detail"]
    return problem["detail"]


def test_an_answer_says_that_nothing_was_wrong(ask):
    for options in OPTIONS:
        said = answered(*ask(WEEK, options))
        assert (said["repaired"], said["warnings"], said["fallback_reason"]) == ([], [], None)


def test_a_gap_is_filled_where_the_caller_says_so_and_told(ask):
    said = answered(*ask(ONE_GAP, "linear"))
    (repair,) = said["repaired"]
    assert datetime.fromisoformat(repair["from"]) == MONDAY + 600 * QUARTER
    assert datetime.fromisoformat(repair["until"]) == MONDAY + 602 * QUARTER
    assert repair["steps"] == 2
    assert said["fallback_reason"] is None
    kw = KW.copy()
    kw[600:602] = np.interp([600, 601], [599, 602], [KW[599], KW[602]]).tolist()
    filled_by_hand = answered(*ask(csv_of(quarter_hours(680), kw), "strict"))
    assert [step["kw"] for step in said["steps"]] == pytest.approx(
        [step["kw"] for step in filled_by_hand["steps"]], rel=1e-6
    )


def test_a_gap_longer_than_is_filled_is_refused_with_what_is(ask):
    for options in ("strict", "as usual"):
        words = refused(*ask(ONE_GAP, options))
        assert words.startswith("row 601 (line 602), column Datum: ")
        assert words.endswith("2 values missing")
    assert refused(*ask(ONE_GAP, "linear of 1")).endswith("2 values missing; at most 1 are filled")
    assert refused(*ask(LONG_GAP, "linear")).endswith("100 values missing; at most 4 are filled")


def test_a_long_gap_is_answered_by_last_week_where_that_is_allowed(ask):
    said = answered(*ask(LONG_GAP, "fallback"))
    assert [step["kw"] for step in said["steps"]] == KW[8:16]
    assert [step["intervals"] for step in said["steps"]] == [[]] * 8
    assert said["fallback_reason"].startswith(
        "gap: row 101 (line 102), column Datum: 2024-06-05 02:00+00:00 comes "
    )
    assert said["data_until"] == said["steps"][0]["valid_from"]


def test_a_frozen_meter_is_warned_of_and_answered_by_last_week_where_that_is_allowed(ask):
    said = answered(*ask(FROZEN, "strict"))
    (warning,) = said["warnings"]
    assert (warning["rule"], warning["row"], warning["line"]) == ("flat", 641, 642)
    assert said["fallback_reason"] is None
    assert said["steps"][0]["intervals"]
    fallen = answered(*ask(FROZEN, "fallback"))
    assert fallen["warnings"] == said["warnings"]
    assert fallen["fallback_reason"].startswith("flat: row 641 (line 642): 40 values from ")
    assert [step["kw"] for step in fallen["steps"]] == KW[8:16]


def test_what_is_no_meter_fault_is_an_error_whatever_is_allowed(ask):
    assert "672 rows are needed" in refused(*ask(week_file(671), "fallback"))
    assert "PNG" in refused(*ask(b"\x89PNG\r\n\x1a\n", "fallback"))
    hourly = csv_of(quarter_hours(2800)[::4], plausible_kw(700))
    for options in ("linear", "fallback"):
        assert "60 minutes apart" in refused(*ask(hourly, options))


def test_the_thesis_calls_take_the_options_and_answer_their_list(running, bearer):
    def predict(path, content, **options):
        return running.https.post(
            path, files={"file": content}, params={"tz": "UTC", **options}, headers=bearer
        )

    for path in ("/predict", "/predict/gru"):
        assert predict(path, LONG_GAP).status_code == 422
        assert predict(path, LONG_GAP, fallback="seasonal_naive").json() == KW[8:16]
        filled = predict(path, ONE_GAP, gaps="linear").json()
        assert len(filled) == 8
        assert filled != KW[8:16]


def test_null_and_nan_are_missing_values_of_a_series(running, bearer, metadata):
    by_file = running.https.post(
        PATH, files={"file": ONE_GAP}, params={"tz": "UTC", "gaps": "linear"}, headers=bearer
    ).json()
    null, nan = (KW[:600] + [missing] * 2 + KW[602:] for missing in (None, float("nan")))

    def https(kw, **options):
        series = {"start": MONDAY.isoformat(), "kw": kw}
        return running.https.post(PATH, json=series, params=options, headers=bearer)

    def rpc(kw, **fields):
        request = pb.ForecastRequest(model="gru", series=pb.LoadSeries(start=START, kw=kw), **fields)
        return running.rpc.Forecast(request, metadata=metadata, timeout=10)

    assert answered(https(null, gaps="linear"), rpc(nan, gaps=LINEAR)) == by_file
    problem = https(null).json()
    assert "row 601, column kw: no value" in problem["detail"]
    assert [(error["rule"], error["row"]) for error in problem["errors"]] == [("gap", 601), ("gap", 602)]
    with pytest.raises(grpc.RpcError) as caught:
        rpc(nan)
    assert caught.value.details() == problem["detail"]
    fallen = answered(https(null, fallback="seasonal_naive"), rpc(nan, fallback=pb.FALLBACK_SEASONAL_NAIVE))
    assert fallen["fallback_reason"].startswith("gap: row 601: ")


def test_a_series_that_ends_in_nulls_is_forecast_from_its_end(running, bearer):
    series = {"start": MONDAY.isoformat(), "kw": KW[:677] + [None] * 3}
    refusal = running.https.post(PATH, json=series, params={"gaps": "linear"}, headers=bearer).json()
    assert "row 678: 3 values missing at the end" in refusal["detail"]
    said = running.https.post(PATH, json=series, params={"fallback": "seasonal_naive"}, headers=bearer).json()
    assert datetime.fromisoformat(said["data_until"]) == MONDAY + 680 * QUARTER
    assert [step["kw"] for step in said["steps"]] == KW[8:16]


@pytest.mark.parametrize(
    "options",
    [
        {"gaps": "cubic"},
        {"gaps": "linear", "max_gap_steps": "0"},
        {"gaps": "linear", "max_gap_steps": "97"},
        {"gaps": "linear", "max_gap_steps": "many"},
        {"gaps": "reject", "max_gap_steps": "4"},
        {"max_gap_steps": "4"},
        {"fallback": "guess"},
    ],
)
@pytest.mark.parametrize("path", [PATH, "/predict/gru"])
def test_an_option_that_is_none_or_cannot_count_is_named(running, bearer, options, path):
    answer = running.https.post(path, files={"file": WEEK}, params=options, headers=bearer)
    assert (answer.status_code, answer.json()["reason"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["column"] == f"query.{list(options)[-1]}"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"gaps": pb.GapPolicy(method=7)}, "gaps.method or fallback"),
        ({"fallback": 7}, "gaps.method or fallback"),
        ({"gaps": pb.GapPolicy(max_steps=4)}, "METHOD_LINEAR alone"),
        ({"gaps": pb.GapPolicy(method=1, max_steps=4)}, "METHOD_LINEAR alone"),
        ({"gaps": pb.GapPolicy(method=2, max_steps=0)}, "1 to 96"),
        ({"gaps": pb.GapPolicy(method=2, max_steps=97)}, "1 to 96"),
        ({"gaps": pb.GapPolicy(method=2, max_steps=-1)}, "1 to 96"),
    ],
)
def test_so_is_one_of_a_message(running, metadata, fields, says):
    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK), **fields)
    with pytest.raises(grpc.RpcError) as caught:
        running.rpc.Forecast(request, metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert says in caught.value.details()


def test_a_stream_answers_each_meter_by_its_own_options(running, metadata):
    def request(id_, content, **fields):
        file = pb.MeterFile(csv=content, time_zone="UTC")
        return pb.ForecastStreamRequest(id=id_, request=pb.ForecastRequest(model="gru", file=file, **fields))

    sent = [
        request("well", WEEK),
        request("filled", ONE_GAP, gaps=LINEAR),
        request("refused", ONE_GAP),
        request("fallen", LONG_GAP, fallback=pb.FALLBACK_SEASONAL_NAIVE),
        request("frozen", FROZEN, fallback=pb.FALLBACK_SEASONAL_NAIVE),
        request("warned", FROZEN),
        request("unknown", WEEK, fallback=9),
    ]
    stream = running.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=60)
    answers = {answer.id: answer for answer in stream}
    assert answers.keys() == {each.id for each in sent}
    assert {id_ for id_, answer in answers.items() if answer.HasField("error")} == {"refused", "unknown"}
    assert [repair.steps for repair in answers["filled"].forecast.repaired] == [2]
    for id_, rule in (("fallen", "gap"), ("frozen", "flat")):
        forecast = answers[id_].forecast
        assert forecast.fallback_reason.startswith(f"{rule}: ")
        assert [step.kw for step in forecast.steps] == KW[8:16]
    for id_ in ("well", "filled", "warned"):
        assert not answers[id_].forecast.fallback_reason
        assert answers[id_].forecast.steps[0].intervals
    assert [warning.rule for warning in answers["warned"].forecast.warnings] == ["flat"]


async def test_what_the_model_was_trained_on_is_told_and_histories_are_held_against_it(home):
    observed = Observed(min_kw=50, max_kw=250, longest_flat_steps=50)
    spec = SPEC.model_copy(update={"training": SPEC.training.model_copy(update={"observed": observed})})
    kw = plausible_kw(672)
    kw[400] = 260.0
    near, far = (csv_of(quarter_hours(672), [*kw[:100], value, *kw[101:]]) for value in (255.0, 900.0))
    async with ModelServer(spec=spec) as server, edges(home, server.address) as edge:
        await edge.until_ready()
        stub = ForecastServiceStub(edge.rpc)

        async def ask(content, **query):
            params = {"tz": "UTC", **query}
            https = await edge.https.post(PATH, files={"file": content}, params=params)
            fallback = pb.FALLBACK_SEASONAL_NAIVE if query else pb.FALLBACK_UNSPECIFIED
            file = pb.MeterFile(csv=content, time_zone="UTC")
            request = pb.ForecastRequest(model="gru", file=file, fallback=fallback)
            return answered(https, await stub.Forecast(request, metadata=edge.metadata))

        said = await ask(near)
        assert [(w["rule"], w["row"], w["line"]) for w in said["warnings"]] == [
            ("range", 101, 102),
            ("range", 401, 402),
        ]
        assert (await ask(near, fallback="seasonal_naive"))["fallback_reason"] is None
        assert (await ask(far))["fallback_reason"] is None
        fallen = await ask(far, fallback="seasonal_naive")
        assert fallen["fallback_reason"].startswith("range: row 101 (line 102): the value of ")
        assert [step["kw"] for step in fallen["steps"]] == kw[:8]
        # Longer than six hours, but not than in the training data.
        assert (await ask(csv_of(quarter_hours(672), frozen_kw(672))))["warnings"] == []
        model = (await edge.https.get("/v1/models/gru")).json()["version"]
        assert model["training"]["observed"] == {"min_kw": 50, "max_kw": 250, "longest_flat_steps": 50}
        answer = await stub.GetModel(pb.GetModelRequest(name="gru"), metadata=edge.metadata)
        assert answer.model.training.observed == pb.Observed(min_kw=50, max_kw=250, longest_flat_steps=50)


def test_a_model_that_does_not_say_what_it_was_trained_on_has_nothing_observed(running, bearer, metadata):
    document = running.https.get("/v1/models/gru", headers=bearer).json()
    message = running.rpc.GetModel(pb.GetModelRequest(name="gru"), metadata=metadata).model
    assert message.training.HasField("observed") == (document["version"]["training"]["observed"] is not None)
