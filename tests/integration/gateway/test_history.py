"""The load that a forecast was computed from comes along where it is asked for, over both edges alike."""

import math
from datetime import datetime

import grpc
import pytest

from tests.data import MONDAY, QUARTER, csv_of, frozen_kw, plausible_kw, quarter_hours, week_file, with_row
from wattgate.forecast.v1 import forecast_service_pb2 as pb

KW = plausible_kw(680)
WEEK = week_file(680)
TWO_MISSING = with_row(with_row(WEEK, 601, None), 601, None)
FROZEN = csv_of(quarter_hours(680), frozen_kw(680))
LINEAR = pb.GapPolicy(method=pb.GapPolicy.METHOD_LINEAR)


@pytest.fixture
def history(running, bearer, metadata):
    """That of both edges: its start and its loads, None where there is no value."""

    def ask(content, query, **fields) -> tuple[datetime, list[float | None]]:
        said = running.https.post(
            "/v1/models/gru:forecast",
            files={"file": content},
            params={"tz": "UTC", "history": "true", **query},
            headers=bearer,
        ).json()
        file = pb.MeterFile(csv=content, time_zone="UTC")
        request = pb.ForecastRequest(model="gru", file=file, with_history=True, **fields)
        rpc = running.rpc.Forecast(request, metadata=metadata, timeout=10)
        start, kw = datetime.fromisoformat(said["history"]["start"]), said["history"]["kw"]
        assert (
            rpc.history.start.ToDatetime(MONDAY.tzinfo) == start == datetime.fromisoformat(said["data_from"])
        )
        assert [None if math.isnan(value) else value for value in rpc.history.kw] == kw
        return start, kw

    return ask


def test_it_is_the_window_that_was_used(history):
    assert history(WEEK, {}) == (MONDAY + 8 * QUARTER, KW[8:])


def test_gaps_are_filled_in_it(history):
    _, kw = history(TWO_MISSING, {"gaps": "linear"}, gaps=LINEAR)
    step = (KW[602] - KW[599]) / 3
    assert kw == pytest.approx([*KW[8:600], KW[599] + step, KW[599] + 2 * step, *KW[602:]])


def test_what_is_at_fault_has_no_value(history):
    _, kw = history(FROZEN, {"fallback": "seasonal_naive"}, fallback=pb.FALLBACK_SEASONAL_NAIVE)
    assert kw == [*frozen_kw(680)[8:640], *[None] * 40]


def test_without_being_asked_for_it_stays_away(running, bearer, metadata):
    said = running.https.post("/v1/models/gru:forecast", files={"file": WEEK}, headers=bearer).json()
    assert said["history"] is None
    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK))
    assert not running.rpc.Forecast(request, metadata=metadata, timeout=10).HasField("history")


def test_calls_that_do_not_answer_it_refuse_it(running, bearer, metadata):
    thesis = running.https.post(
        "/predict/gru", files={"file": WEEK}, params={"history": "true"}, headers=bearer
    )
    assert thesis.status_code == 422
    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK), with_history=True)
    stream = running.rpc.ForecastStream(
        iter([pb.ForecastStreamRequest(id="meter", request=request)]), metadata=metadata, timeout=10
    )
    [answer] = stream
    assert answer.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "with_history" in answer.error.message
