from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import last_window
from pipelines.training.checks import check_version, load_as_server, warmup_requests
from pipelines.training.evaluation import coverage, naive_forecasts
from pipelines.training.export import COMPILED, PLAIN
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.sample import SAMPLE_FILE
from pipelines.training.supermarket import SEED, ZONE, supermarket_load
from pipelines.training.training import data_sha256
from pipelines.training.windows import Windows, whole_windows

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
    record = spec.training
    assert len(record.naive_mae_kw) == 3
    assert record.mae_kw <= ENOUGH * min(record.naive_mae_kw.values())


def test_on_weeks_never_generated_before_it_beats_every_naive_forecast_by_30_percent(folder, spec):
    series = supermarket_load(datetime(2021, 8, 23, tzinfo=ZONE), 49, seed=SEED + 1)
    hyperparameters = Hyperparameters()
    windows = Windows(series, spec.features, spec.zone, hyperparameters)
    starts = whole_windows(series, hyperparameters)[::13][: 32 * 9]

    def kw(normalised):
        return denormalise(normalised, mean_kw=spec.load.mean, std_kw=spec.load.std)

    with load_as_server(folder) as version:
        parts = np.split(starts, 9)
        output = [version.forecast(COMPILED, spec, windows.inputs(part)) for part in parts]
    forecast, outcome = kw(np.concatenate(output)), kw(windows.targets(starts))
    naive = naive_forecasts(kw(windows.history(starts)), horizon=8, resolution_s=900)
    best = min(np.abs(repeated - outcome).mean() for repeated in naive.values())
    assert np.abs(forecast - outcome).mean() <= ENOUGH * best
    assert coverage(forecast, outcome, spec.intervals[0]) == pytest.approx(0.80, abs=0.05)


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


def test_the_sample_is_two_weeks_of_the_generated_load_that_no_model_was_fitted_to(spec):
    sample = read_meter_file(SAMPLE_FILE.read_bytes(), zone=ZONE)
    generated = supermarket_load()
    rows = np.searchsorted(generated.times_s, sample.times_s)
    assert np.array_equal(generated.times_s[rows], sample.times_s)
    assert np.array_equal(generated.kw[rows], sample.kw)
    assert sample.kw.size == 1344
    last_window(sample, window=spec.window, resolution_s=spec.resolution_s)
    test_from_s = spec.known_request.start.timestamp() + spec.window * spec.resolution_s
    assert sample.times_s[0] >= test_from_s  # the known request is the first of the test windows
