"""The client library: both clients answer alike, and say the gateway's own words when refused."""

from pathlib import Path

import grpc
import httpx
import pytest

from tests.data import MONDAY, QUARTER, SAMPLE, csv_of, frozen_kw, quarter_hours, week_file, with_row
from wattgate.client import GrpcClient, HttpsClient, Repair


@pytest.fixture
def https(running):
    with HttpsClient(running.demo["https"], ca_file=Path(running.demo["ca_file"])) as client:
        yield client


@pytest.fixture
def token(https, running):
    return https.login(running.demo["username"], running.demo["password"])


@pytest.fixture
def rpc(running, token):
    with GrpcClient(running.demo["grpc"], token, ca_file=Path(running.demo["ca_file"])) as client:
        yield client


def test_both_clients_answer_the_same_forecast(https, rpc):
    csv = SAMPLE.read_bytes()
    forecast = https.forecast("gru", csv)
    assert forecast == rpc.forecast("gru", csv)
    assert len(forecast.steps) == 8
    assert forecast.steps[0].valid_from == forecast.data_until


def test_the_zone_is_passed_on_by_both(https, rpc):
    csv = week_file()
    in_utc, in_berlin = (https.forecast("gru", csv, time_zone=zone) for zone in ("UTC", "Europe/Berlin"))
    assert (in_utc.data_until - in_berlin.data_until).total_seconds() == 2 * 3600
    assert rpc.forecast("gru", csv, time_zone="UTC") == in_utc


def test_what_is_declared_is_passed_on_by_both(https, rpc):
    csv = week_file().replace(b"Wert (kW)", b"Bezug")
    declared = {"time_zone": "UTC", "column": "Bezug", "unit": "kWh", "labels": "end"}
    forecast = https.forecast("gru", csv, **declared)
    assert rpc.forecast("gru", csv, **declared) == forecast
    starts = https.forecast("gru", csv, **{**declared, "labels": "start"})
    assert (starts.data_until - forecast.data_until).total_seconds() == 900
    powers = https.forecast("gru", csv, **{**declared, "unit": "kW"})
    assert powers.steps != forecast.steps


def test_gaps_are_filled_and_told_by_both(https, rpc):
    csv = with_row(with_row(week_file(680), 601, None), 601, None)
    options = {"time_zone": "UTC", "gaps": "linear", "max_gap_steps": 2}
    forecast = https.forecast("gru", csv, **options)
    assert rpc.forecast("gru", csv, **options) == forecast
    since = MONDAY + 600 * QUARTER
    assert forecast.repaired == (Repair(since, since + 2 * QUARTER, 2, "linear"),)
    assert (forecast.warnings, forecast.fallback_reason) == ((), None)
    for client, error in ((https, httpx.HTTPStatusError), (rpc, grpc.RpcError)):
        with pytest.raises(error, match="2 values missing; at most 1 are filled"):
            client.forecast("gru", csv, **{**options, "max_gap_steps": 1})


def test_a_fallback_and_its_reason_are_told_by_both(https, rpc):
    kw = frozen_kw(672)
    csv = csv_of(quarter_hours(672), kw)
    forecast = https.forecast("gru", csv, time_zone="UTC", fallback="seasonal_naive")
    assert rpc.forecast("gru", csv, time_zone="UTC", fallback="seasonal_naive") == forecast
    assert [step.kw for step in forecast.steps] == kw[:8]
    assert forecast.fallback_reason.startswith("flat: row 633 (line 634): 40 values from ")
    (warning,) = forecast.warnings
    assert (warning.rule, warning.row, warning.line, warning.column) == ("flat", 633, 634, None)
    by_model = https.forecast("gru", csv, time_zone="UTC")
    assert by_model.fallback_reason is None
    assert by_model.warnings == forecast.warnings
    assert by_model.steps != forecast.steps


@pytest.mark.parametrize("steps", [0, 97])
def test_a_gap_of_no_or_too_many_steps_is_refused_by_both(https, rpc, steps):
    for client, error in ((https, httpx.HTTPStatusError), (rpc, grpc.RpcError)):
        with pytest.raises(error, match=r"max_(gap_)?steps"):
            client.forecast("gru", week_file(), gaps="linear", max_gap_steps=steps)


def test_a_refusal_carries_the_gateways_words(https, rpc):
    with pytest.raises(httpx.HTTPStatusError, match="422: 672 rows are needed"):
        https.forecast("gru", week_file(671))
    with pytest.raises(grpc.RpcError, match="672 rows are needed"):
        rpc.forecast("gru", week_file(671))


def test_a_wrong_password_is_said_to_be_one(https, running):
    with pytest.raises(httpx.HTTPStatusError, match="401: Incorrect username or password"):
        https.login(running.demo["username"], "wrong")


def test_a_server_of_another_authority_is_not_trusted(running):
    with (
        HttpsClient(running.demo["https"]) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
    ):
        stranger.login("demo", "secret")


@pytest.mark.parametrize("name", ["../../livez", "gru?tz=UTC", "gru#", "a/b", "%2e%2e"])
def test_a_name_that_is_no_path_stays_a_name(https, token, name):
    with pytest.raises(httpx.HTTPStatusError) as refused:
        https.forecast(name, week_file())
    assert refused.value.response.status_code == 404
    assert refused.value.request.url.raw_path.startswith(b"/v1/models/")
    assert refused.value.request.url.raw_path.endswith(b":forecast")
