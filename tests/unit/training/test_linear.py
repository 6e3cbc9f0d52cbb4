from dataclasses import replace

import numpy as np
import pytest

from pipelines.preprocessing.series import LoadSeries
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.linear import LinearPath, fit_linear_path
from pipelines.training.supermarket import ZONE
from pipelines.training.windows import Windows, fit_features, split_by_time, whole_windows

SMALL = replace(Hyperparameters(), window=12, horizon=3)


def test_a_load_that_obeys_a_linear_rule_is_forecast_exactly():
    """A sine obeys x[t] = 2 cos(w) x[t-1] - x[t-2]."""
    load = LoadSeries(np.arange(400, dtype=np.int64) * 900, 50 + 9 * np.sin(np.arange(400) / 3))
    features = fit_features(load, SMALL, ZONE, rows=300)
    windows = Windows(load, features, ZONE, SMALL)
    split = split_by_time(whole_windows(load, SMALL), SMALL)
    path = fit_linear_path(windows, split, SMALL)
    assert path.penalty == min(SMALL.ridge_penalties)  # no noise, nothing to hold back
    errors = path.forecast(windows.history(split.test)) - windows.targets(split.test)
    assert np.abs(errors).max() < 1e-3


def test_a_forecast_moves_with_the_level_of_the_load():
    rng = np.random.default_rng(1)
    path = LinearPath(rng.normal(size=(12, 3)), np.zeros(3), 1.0)
    history = rng.normal(size=(2, 12)).astype(np.float32)
    assert path.forecast(history + 5) == pytest.approx(path.forecast(history) + 5, abs=1e-4)
