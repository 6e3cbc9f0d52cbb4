from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines.evaluation.gate import NAIVE
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import last_window
from pipelines.publishing.judging import backtest
from pipelines.training.checks import check_version, load_as_server, warmup_requests
from pipelines.training.export import COMPILED, PLAIN
from pipelines.training.provenance import data_sha256
from pipelines.training.sample import SAMPLE_FILE, write_sample
from pipelines.training.supermarket import SEED, ZONE, supermarket_load
from tests.data import series_file

MODELS = Path("models")
ENOUGH = 0.70
"""Error of a shipped model over that of the best naive forecast, at most."""


@pytest.fixture(scope="module", params=["cnn", "gru"])
def folder(request) -> Path:
    return MODELS / request.param / "1"


@pytest.fixture(scope="module")
def spec(folder):
    with load_as_server(folder) as version:
        return version.spec()


def test_it_is_whole(folder, spec):
    check_version(folder, spec)


def test_it_was_trained_on_the_generated_load(spec):
    assert spec.training.data_sha256 == data_sha256(supermarket_load())
    assert (spec.window, spec.horizon, len(spec.features)) == (672, 8, 7)


def test_by_its_own_record_it_beats_every_naive_forecast_by_30_percent(spec):
    naive_mae_kw = [spec.training.naive_mae_kw[name] for name in NAIVE]
    assert spec.training.mae_kw <= ENOUGH * min(naive_mae_kw)


def test_on_a_year_never_generated_before_it_beats_every_naive_forecast_by_30_percent(folder):
    unseen = supermarket_load(datetime(2021, 7, 5, tzinfo=ZONE), 365, seed=SEED + 1)
    report = backtest(folder, series_file(unseen), zone=ZoneInfo("UTC"), stride=29)
    assert report.mae_kw <= ENOUGH * min(report.naive[name].mae_kw for name in NAIVE)
    assert 0.77 <= report.coverage_80 <= 0.83
    assert 0.92 <= report.coverage_95 <= 0.98


def test_it_is_warmed_for_every_batch_size_it_promises(folder, spec):
    calls = [
        (request.model_spec.signature_name, request.inputs["window"].tensor_shape.dim[0].size)
        for request in warmup_requests(folder)
    ]
    assert [batch for signature, batch in calls if signature == COMPILED] == list(spec.batch_sizes)
    assert (PLAIN, 1) in calls
    assert {request.model_spec.name for request in warmup_requests(folder)} == {folder.parent.name}


def test_it_is_small(folder):
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 2_000_000


def test_the_sample_is_two_weeks_of_generated_load_that_no_model_was_fitted_to(spec, tmp_path):
    write_sample(tmp_path / "sample.csv")
    assert (tmp_path / "sample.csv").read_bytes() == SAMPLE_FILE.read_bytes()
    sample = read_meter_file(SAMPLE_FILE.read_bytes(), zone=ZONE)
    assert sample.kw.size == 1344
    last_window(sample, window=spec.window, resolution_s=spec.resolution_s, grid_s=spec.grid_s)
    assert sample.times_s[0] >= spec.training.data_until.timestamp()
