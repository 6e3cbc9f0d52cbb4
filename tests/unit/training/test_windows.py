from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipelines.preprocessing.features import model_input
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.windows import whole_windows
from pipelines.training.errors import TooLittleDataError
from pipelines.training.hyperparameters import Hyperparameters, Shares
from pipelines.training.supermarket import ZONE
from pipelines.training.windows import Windows, fit_features, split_by_time

SMALL = replace(Hyperparameters(), window=4, horizon=2, shares=Shares(0.5, 0.2, 0.1))


def series(rows: list[int]) -> LoadSeries:
    """Rows of a quarter-hour grid; the load of row n is n kW."""
    return LoadSeries(np.array(rows, dtype=np.int64) * 900, np.array(rows, dtype=np.float64))


def test_every_window_with_its_horizon_is_found():
    assert whole_windows(series(list(range(8))), SMALL).tolist() == [0, 1, 2]


def test_windows_across_a_gap_are_left_out_and_those_on_either_side_are_kept():
    rows = [*range(7), *range(9, 16)]
    found = whole_windows(series(rows), SMALL)
    assert found.tolist() == [0, 1, 7, 8]
    for start in found:
        assert np.diff(rows[start : start + 6]).tolist() == [1] * 5


def test_windows_off_the_grid_are_left_out():
    shifted = LoadSeries(np.arange(8, dtype=np.int64) * 900 + 60, np.arange(8.0))
    assert whole_windows(shifted, SMALL).size == 0


def test_a_series_shorter_than_one_window_has_none():
    assert whole_windows(series(list(range(5))), SMALL).size == 0


def test_the_split_follows_time_and_no_part_forecasts_a_step_of_another():
    split = split_by_time(whole_windows(series(list(range(200))), SMALL), SMALL)
    parts = [split.train, split.validation, split.calibration, split.test]
    targets = [{int(start) + 4 + step for start in part for step in range(2)} for part in parts]
    for earlier, later in pairwise(targets):
        assert max(earlier) < min(later)
    assert [part.size for part in parts] == pytest.approx([97, 39, 19, 39], abs=2)


def test_a_part_without_windows_is_an_error_that_says_so():
    starts = whole_windows(series(list(range(8))), SMALL)
    with pytest.raises(TooLittleDataError, match="too little data"):
        split_by_time(starts, SMALL)


def test_no_window_at_all_is_an_error_that_says_what_is_needed():
    with pytest.raises(TooLittleDataError, match="no window of 4 steps of 15 minutes"):
        split_by_time(whole_windows(series(list(range(5))), SMALL), SMALL)


def test_normalisation_sees_only_the_rows_it_may():
    load = series(list(range(100)))
    features = fit_features(load, SMALL, ZONE, rows=11)
    assert features[0].mean == pytest.approx(5.0)
    assert features[0].std == pytest.approx(np.arange(11).std())


def test_training_inputs_are_those_that_serving_makes(tiny_run):
    windows, load = tiny_run.dataset.windows, tiny_run.dataset.series
    served = model_input(LoadSeries(load.times_s[5:677], load.kw[5:677]), tiny_run.spec)
    assert np.array_equal(windows.inputs(np.array([5])), served)


def test_history_and_targets_join_without_overlap():
    load = series(list(range(20)))
    features = fit_features(load, SMALL, ZONE, rows=20)
    windows = Windows(load, features, ZONE, SMALL)
    both = np.concatenate([windows.history(np.array([3])), windows.targets(np.array([3]))], axis=1)
    kw = both * features[0].std + features[0].mean
    assert kw[0] == pytest.approx([3, 4, 5, 6, 7, 8], abs=1e-4)
