"""A whole file judged over HTTPS: the report of the same code that judges versions in a folder."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from pipelines.publishing.judging import backtest
from pipelines.training.supermarket import SEED, ZONE, supermarket_load
from tests.data import MODELS, series_file, week_file
from wattgate.cli import app

PATH = "/v1/models/gru:backtest"


@pytest.fixture(scope="module")
def weeks() -> bytes:
    return series_file(supermarket_load(datetime(2021, 8, 2, tzinfo=ZONE), 14, seed=SEED + 3))


@pytest.fixture(scope="module")
def answer(running, bearer, weeks):
    got = running.https.post(PATH, files={"file": weeks}, params={"tz": "UTC", "stride": "4"}, headers=bearer)
    assert got.status_code == 200, got.text
    return got.json()


def test_it_is_the_report_that_the_version_in_its_folder_gets(answer, weeks):
    local = json.loads(
        backtest(MODELS / "gru" / "1", weeks, zone=ZoneInfo("UTC"), stride=4).model_dump_json()
    )
    assert (answer.pop("model"), answer.pop("model_version")) == ("gru", 1)
    assert answer["windows"] == local["windows"] == (14 * 96 - 680) // 4 + 1
    for name in ("mae_kw", "rmse_kw", "mase", "pinball_kw"):
        assert answer[name] == pytest.approx(local[name], rel=1e-4)
    assert answer["naive"]["linear"] == pytest.approx(local["naive"]["linear"])
    assert answer.keys() == local.keys()


def test_the_model_is_better_than_what_needs_no_model(answer):
    assert all(answer["naive"][name]["skill"] > 0.2 for name in ("last_value", "yesterday", "last_week"))
    assert [step["step"] for step in answer["by_step"]] == list(range(1, 9))
    assert 0.6 < answer["coverage_80"] < 0.95 < answer["coverage_95"] + 0.1


def test_a_csv_body_and_a_series_are_taken_too(running, bearer, weeks):
    by_body = running.https.post(
        PATH,
        content=weeks,
        params={"tz": "UTC", "stride": "100"},
        headers={**bearer, "Content-Type": "text/csv"},
    )
    series = {"start": "2024-06-03T00:00:00Z", "kw": [100.0 + i % 96 for i in range(700)]}
    by_series = running.https.post(PATH, json=series, params={"stride": "10"}, headers=bearer)
    assert (by_body.status_code, by_series.status_code) == (200, 200)
    assert by_series.json()["windows"] == 3
    assert by_series.json()["naive"]["yesterday"]["mae_kw"] == 0


@pytest.mark.parametrize(
    ("content", "params", "says"),
    [
        (week_file(679), {}, "680 rows without a gap"),
        (b"a,b\n1,2\n", {}, "Datum"),
        (week_file(700), {"stride": "0"}, "stride"),
        (week_file(700), {"gaps": "linear"}, "gaps"),
    ],
)
def test_what_cannot_be_judged_is_refused_and_says_why(running, bearer, content, params, says):
    answer = running.https.post(PATH, files={"file": content}, params=params, headers=bearer)
    assert answer.status_code == 422
    assert says in answer.text


def test_a_backtest_that_takes_too_long_says_what_to_do(running, bearer, weeks):
    answer = running.https.post(
        PATH, files={"file": weeks}, params={"tz": "UTC"}, headers={**bearer, "X-Request-Timeout": "0.05"}
    )
    assert answer.status_code == 504
    assert "stride" in answer.json()["detail"]


def test_an_unknown_model_and_a_missing_token_are_refused(running, bearer):
    unknown = running.https.post("/v1/models/lstm:backtest", files={"file": week_file(700)}, headers=bearer)
    assert unknown.status_code == 404
    assert running.https.post(PATH, files={"file": week_file(700)}).status_code == 401


def test_the_command_asks_the_gateway_that_runs_here(running, answer, weeks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.json").write_text(json.dumps(running.demo))
    (tmp_path / "weeks.csv").write_bytes(weeks)
    arguments = ["backtest", "weeks.csv", "--model", "gru", "--tz", "UTC", "--stride", "4", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["mae_kw"] == answer["mae_kw"]


def test_the_command_says_what_the_gateway_refuses(running, tmp_path, monkeypatch):
    (tmp_path / "short.csv").write_bytes(week_file(300))
    monkeypatch.setenv("WATTGATE_TOKEN", running.login())
    named = ["--server", running.demo["https"], "--ca-file", running.demo["ca_file"]]
    result = CliRunner().invoke(app, ["backtest", str(tmp_path / "short.csv"), "--model", "gru", *named])
    assert result.exit_code == 1
    assert "680 rows without a gap" in result.output
