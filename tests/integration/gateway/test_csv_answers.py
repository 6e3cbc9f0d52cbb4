"""A forecast as CSV where that is asked for: the figures of the JSON answer, for spreadsheets and pandas."""

import csv
import io
import time
from datetime import datetime

import pandas as pd
import pytest

from pipelines.spec import IntervalOffsets
from tests.data import BERLIN, csv_of, frozen_kw, quarter_hours, week_file
from tests.integration.gateway.in_process import ModelServer, edges
from tests.specs import a_spec

PATH = "/v1/models/gru:forecast"
WEEK = week_file(700)
BOUNDS = ["lower_80_kw", "upper_80_kw", "lower_95_kw", "upper_95_kw"]


@pytest.fixture
def ask(running, bearer):
    def call(accept, content=WEEK, **params):
        return running.https.post(
            PATH,
            content=content,
            params={"tz": "UTC", **params},
            headers={**bearer, "Content-Type": "text/csv", "Accept": accept},
        )

    return call


def test_it_has_the_figures_of_the_json_answer_in_the_models_zone(ask):
    answer, steps = ask("text/csv"), ask("application/json").json()["steps"]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="gru-20240610T0700Z.csv"'
    assert answer.text.count("\r\n") == answer.text.count("\n") == 9
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert list(rows[0]) == ["valid_from", "valid_to", "kw", *BOUNDS]
    assert rows[0]["valid_from"] == "2024-06-10T09:00:00+02:00"
    for row, step in zip(rows, steps, strict=True):
        for name in ("valid_from", "valid_to"):
            said = datetime.fromisoformat(row[name])
            assert said == datetime.fromisoformat(step[name])
            assert said.utcoffset() == said.astimezone(BERLIN).utcoffset()
        narrow, wide = step["intervals"]
        assert [float(row[name]) for name in ("kw", *BOUNDS)] == [
            step["kw"],
            *(interval[bound] for interval in (narrow, wide) for bound in ("lower_kw", "upper_kw")),
        ]


def test_pandas_reads_times_and_numbers(ask):
    frame = pd.read_csv(io.StringIO(ask("text/csv").text), parse_dates=["valid_from", "valid_to"])
    assert frame["valid_from"].diff().dropna().eq(pd.Timedelta(minutes=15)).all()
    assert frame[["kw", *BOUNDS]].dtypes.eq("float64").all()


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("application/json;q=0.2, text/csv;q=0.9", "text/csv"),
        ("application/json, text/csv;q=0.9", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("TEXT/*", "text/csv"),
        # As Grafana's Infinity data source asks.
        ("text/csv; charset=utf-8", "text/csv"),
        ("application/json;q=0.9,text/plain", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
    ],
)
def test_the_caller_chooses_and_caches_are_told(ask, accept, answered):
    answer = ask(accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == answered
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["application/xml", "text/csv;q=0", "*/*;q=0", "nonsense", "image/*"])
def test_who_takes_neither_is_told_what_there_is(ask, accept):
    answer = ask(accept)
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["vary"] == "Accept"
    assert answer.json()["reason"] == "NOT_ACCEPTABLE"
    assert "application/json or text/csv" in answer.json()["detail"]


def test_an_accept_made_to_cost_much_is_refused_at_once(ask):
    began = time.monotonic()
    assert ask('text/csv;"' + ";" * 31_000).status_code == 406
    assert time.monotonic() - began < 0.5


def test_errors_stay_problem_documents(ask, running):
    answer = ask("text/csv", week_file(10))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["rule"] == "length"
    assert running.https.post(PATH, headers={"Accept": "text/csv"}).status_code == 401


def test_it_has_no_place_for_the_history(ask):
    answer = ask("text/csv", history="true")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("history: ")


def test_a_fallback_has_no_bounds_but_their_columns(ask):
    frozen = csv_of(quarter_hours(680), frozen_kw(680))
    answer = ask("text/csv", frozen, fallback="seasonal_naive")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["kw"] for row in rows] == [str(kw) for kw in frozen_kw(680)[8:16]]
    assert {row[name] for row in rows for name in BOUNDS} == {""}


def test_the_thesis_call_answers_its_list_whatever_is_accepted(running, bearer):
    answer = running.https.post(
        "/predict/gru", files={"file": WEEK}, headers={**bearer, "Accept": "text/csv"}
    )
    assert len(answer.json()) == 8


async def test_columns_are_those_of_the_levels_that_the_model_has(home):
    offsets = {"lower_kw": (-1.0,) * 8, "upper_kw": (2.0,) * 8}
    for levels, columns in (
        ((), []),
        ((0.57, 0.975), ["lower_57_kw", "upper_57_kw", "lower_97.5_kw", "upper_97.5_kw"]),
    ):
        spec = a_spec(intervals=tuple(IntervalOffsets(level=level, **offsets) for level in levels))
        async with ModelServer(spec=spec) as server, edges(home, server.address) as edge:
            await edge.until_ready()
            headers = {"Authorization": edge.metadata[0][1], "Accept": "text/csv", "Content-Type": "text/csv"}
            answer = await edge.https.post(PATH, content=WEEK, headers=headers)
        assert answer.text.splitlines()[0].split(",")[3:] == columns
