"""All kinds of clients answer alike, and say the gateway's own words when refused."""

import pytest

from tests.data import (
    BERLIN,
    MONDAY,
    QUARTER,
    SAMPLE,
    csv_of,
    frozen_kw,
    plausible_kw,
    quarter_hours,
    week_file,
    with_row,
)
from tests.integration.client.kinds import client_of
from wattgate import Repair, __version__
from wattgate.errors import Refused
from wattgate.forecast.v1 import forecast_service_pb2 as pb


@pytest.fixture(scope="module")
def reference(running):
    """A client that others are held against."""
    with client_of("https", running.demo) as client:
        yield client


def test_all_answer_the_same_forecast_with_its_intervals(client, reference):
    forecast = client.forecast_file(SAMPLE, "gru")
    assert forecast == reference.forecast_file(SAMPLE.read_bytes(), "gru")
    assert (forecast.model, forecast.model_version, len(forecast.steps)) == ("gru", 1, 8)
    assert forecast.steps[0].valid_from == forecast.data_until
    for step in forecast.steps:
        narrow, wide = step.intervals
        assert (narrow.level, wide.level) == (0.8, 0.95)
        assert wide.lower_kw < narrow.lower_kw < step.kw < narrow.upper_kw < wide.upper_kw


def test_times_are_on_the_models_own_wall_clock(client):
    forecast = client.forecast_file(SAMPLE, "gru")
    times = [forecast.data_from, forecast.data_until, *(step.valid_from for step in forecast.steps)]
    assert forecast.time_zone == "Europe/Berlin"
    assert [time.isoformat() for time in times] == [time.astimezone(BERLIN).isoformat() for time in times]


def test_steps_are_a_quarter_of_an_hour_where_the_clock_goes_back_too(client):
    last = MONDAY.replace(month=10, day=27, hour=0, minute=15)
    csv = csv_of(quarter_hours(672, start=last - 671 * QUARTER), plausible_kw(672))
    steps = client.forecast_file(csv, "gru", time_zone="UTC").steps
    assert {step.valid_to - step.valid_from for step in steps} == {QUARTER}
    assert [f"{step.valid_from:%H:%M}" for step in steps][1:4] == ["02:45", "02:00", "02:15"]


def test_csv_has_a_pair_of_bounds_a_level_and_offsets(client):
    forecast = client.forecast_file(SAMPLE, "gru")
    header, first, *rest = forecast.to_csv().splitlines()
    assert header == "valid_from,valid_to,kw,lower_80_kw,upper_80_kw,lower_95_kw,upper_95_kw"
    assert len(rest) == 7
    step = forecast.steps[0]
    bounds = [f"{bound}" for i in step.intervals for bound in (i.lower_kw, i.upper_kw)]
    assert first.split(",") == [step.valid_from.isoformat(), step.valid_to.isoformat(), f"{step.kw}", *bounds]
    assert first.split(",")[0].endswith(("+01:00", "+02:00"))


def test_a_call_that_names_no_model_is_answered_by_the_gateways_default(client, reference):
    assert client.forecast_file(SAMPLE) == reference.forecast_file(SAMPLE, "cnn")
    assert reference.models().default_model == "cnn"


def test_the_models_are_told_by_all_as_by_the_other_edge(client, running, metadata):
    listed = client.models()
    by_grpc = running.rpc.ListModels(pb.ListModelsRequest(), metadata=metadata)
    assert (listed.default_model, listed.gateway_version) == ("cnn", __version__)
    assert (by_grpc.default_model, by_grpc.gateway_version) == ("cnn", __version__)
    for model, other in zip(listed, by_grpc.models, strict=True):
        assert (model.name, model.version, model.window) == (other.name, other.version, other.window)
        assert (model.horizon, model.resolution_s) == (other.horizon, other.resolution_s)
        assert model.mae_kw == other.training.mae_kw
        assert model.available
        assert listed.named(model.name) == model
    assert listed.named("lstm") is None


def test_the_zone_is_passed_on(client, reference):
    csv = week_file()
    in_utc, in_berlin = (client.forecast_file(csv, "gru", time_zone=z) for z in ("UTC", "Europe/Berlin"))
    assert (in_utc.data_until - in_berlin.data_until).total_seconds() == 2 * 3600
    assert reference.forecast_file(csv, "gru", time_zone="UTC") == in_utc


def test_what_is_declared_is_passed_on(client, reference):
    csv = week_file().replace(b"Wert (kW)", b"Bezug")
    declared = {"time_zone": "UTC", "column": "Bezug", "unit": "kWh", "labels": "end"}
    forecast = client.forecast_file(csv, "gru", **declared)
    assert reference.forecast_file(csv, "gru", **declared) == forecast
    starts = client.forecast_file(csv, "gru", **{**declared, "labels": "start"})
    assert (starts.data_until - forecast.data_until).total_seconds() == 900
    powers = client.forecast_file(csv, "gru", **{**declared, "unit": "kW"})
    assert powers.steps != forecast.steps


def test_which_of_a_doubled_hour_it_is_is_passed_on(client):
    # The last row is of the hour that Berlin's clocks show twice on 27 October 2024, and is there once.
    shift = MONDAY.replace(month=10, day=27, hour=2) - MONDAY - 672 * QUARTER
    csv = csv_of(quarter_hours(673, start=MONDAY + shift), plausible_kw(673))
    first, second = (
        client.forecast_file(csv, "gru", time_zone="Europe/Berlin", doubled_hour=which, gaps="linear")
        for which in ("first", "second")
    )
    assert (second.data_until - first.data_until).total_seconds() == 3600


def test_gaps_are_filled_and_told(client, reference):
    csv = with_row(with_row(week_file(680), 601, None), 601, None)
    options = {"time_zone": "UTC", "gaps": "linear", "max_gap_steps": 2}
    forecast = client.forecast_file(csv, "gru", **options)
    assert reference.forecast_file(csv, "gru", **options) == forecast
    since = MONDAY + 600 * QUARTER
    assert forecast.repaired == (Repair(since, since + 2 * QUARTER, 2, "linear"),)
    assert (forecast.warnings, forecast.fallback_reason) == ((), None)
    with pytest.raises(Refused, match="2 values missing; at most 1 are filled"):
        client.forecast_file(csv, "gru", **{**options, "max_gap_steps": 1})


def test_a_fallback_and_its_reason_are_told(client, reference):
    kw = frozen_kw(672)
    csv = csv_of(quarter_hours(672), kw)
    forecast = client.forecast_file(csv, "gru", time_zone="UTC", fallback="seasonal_naive")
    assert reference.forecast_file(csv, "gru", time_zone="UTC", fallback="seasonal_naive") == forecast
    assert [step.kw for step in forecast.steps] == kw[:8]
    assert forecast.columns() == ("kw",)
    assert forecast.fallback_reason.startswith("flat: row 633 (line 634): 40 values from ")
    (warning,) = forecast.warnings
    assert (warning.rule, warning.row, warning.line, warning.column) == ("flat", 633, 634, None)
    by_model = client.forecast_file(csv, "gru", time_zone="UTC")
    assert by_model.fallback_reason is None
    assert by_model.warnings == forecast.warnings
    assert by_model.steps != forecast.steps


@pytest.mark.parametrize("steps", [0, 97])
def test_a_gap_of_no_or_too_many_steps_is_refused(client, steps):
    with pytest.raises(Refused, match=r"max_(gap_)?steps") as refused:
        client.forecast_file(week_file(), "gru", gaps="linear", max_gap_steps=steps)
    assert (refused.value.status, refused.value.reason) == (422, "INVALID_REQUEST")


def test_a_faulty_file_is_refused_alike_row_by_row(client, reference):
    csv = with_row(with_row(week_file(), 7, "2024-06-03 01:30:00,many"), 12, "2024-06-03 02:45:00,more")
    with pytest.raises(Refused) as by_reference:
        reference.forecast_file(csv, "gru")
    with pytest.raises(Refused) as refused:
        client.forecast_file(csv, "gru")
    error, other = refused.value, by_reference.value
    assert str(error) == str(other)
    assert (error.status, error.reason, error.rule) == (422, "INVALID_HISTORY", error.violations[0].rule)
    assert error.violations == other.violations
    assert [(each.row, each.line, each.column) for each in error.violations] == [
        (7, 8, "Wert (kW)"),
        (12, 13, "Wert (kW)"),
    ]
    assert "many" in error.violations[0].message
    assert not error.violations[0].message.startswith("row")
    assert error.request_id


def test_a_refusal_of_the_whole_has_no_rows(client):
    with pytest.raises(Refused, match="672 rows are needed") as refused:
        client.forecast_file(week_file(671), "gru")
    assert refused.value.status == 422
    with pytest.raises(Refused, match="There is no model 'lstm'; served are: cnn, gru") as refused:
        client.forecast_file(week_file(), "lstm")
    assert (refused.value.status, refused.value.rule) == (404, None)


def test_a_file_that_is_too_large_is_refused_and_not_tried_again(client):
    with pytest.raises(Refused, match="10,485,760 bytes") as refused:
        client.forecast_file(b"x" * (10 * 1024 * 1024 + 1), "gru")
    assert (refused.value.status, refused.value.reason) == (413, "TOO_LARGE")


@pytest.mark.parametrize("name", ["../../livez", "gru?tz=UTC", "gru#", "a/b", "%2e%2e"])
def test_a_name_that_is_no_path_stays_a_name(client, name):
    with pytest.raises(Refused) as refused:
        client.forecast_file(week_file(), name)
    assert refused.value.status == 404


def test_a_backtest_is_the_gateways_report(client):
    report = client.backtest_file(SAMPLE, "gru", stride=100)
    assert report["windows"] == (1344 - 680) // 100 + 1
    assert report["model"] == "gru"
    assert client.backtest_file(SAMPLE, stride=100)["model"] == "cnn"
