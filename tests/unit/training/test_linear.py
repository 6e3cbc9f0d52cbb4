from dataclasses import replace

import numpy as np
import pytest

from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.windows import whole_windows
from pipelines.spec import Feature
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.linear import LinearPath, LinearPaths, linear_path_like
from pipelines.training.supermarket import ZONE
from pipelines.training.windows import Windows, fit_features, split_by_time

SMALL = replace(Hyperparameters(), window=12, horizon=3, linear_steps=(8, 12))


def test_a_load_that_obeys_a_linear_rule_is_forecast_exactly():
    """A sine obeys x[t] = 2 cos(w) x[t-1] - x[t-2]."""
    load = LoadSeries(np.arange(400, dtype=np.int64) * 900, 50 + 9 * np.sin(np.arange(400) / 3))
    features = fit_features(load, SMALL, ZONE, rows=300)
    windows = Windows(load, features, ZONE, SMALL)
    split = split_by_time(whole_windows(load, SMALL), SMALL)
    path = LinearPaths.fitted(windows, split.train, SMALL).best(split.validation)
    assert path.penalty == min(SMALL.ridge_penalties)  # no noise, nothing to hold back
    errors = path.forecast(windows.history(split.test)) - windows.targets(split.test)
    assert np.abs(errors).max() < 1e-3


def test_a_forecast_moves_with_the_level_of_the_load():
    rng = np.random.default_rng(1)
    path = LinearPath(rng.normal(size=(12, 3)), np.zeros(3), 1.0)
    history = rng.normal(size=(2, 12)).astype(np.float32)
    assert path.forecast(history + 5) == pytest.approx(path.forecast(history) + 5, abs=1e-4)


def test_in_kw_it_is_the_same_forecast():
    rng = np.random.default_rng(2)
    path = LinearPath(rng.normal(size=(8, 3)), rng.normal(size=3), 1.0)
    load = Feature(name="load", mean=120.0, std=30.0)
    history_kw = rng.normal(120, 30, size=(4, 12))
    normalised = (history_kw - load.mean) / load.std
    assert path.in_kw(load).forecast_kw(history_kw) == pytest.approx(
        path.forecast(normalised) * load.std + load.mean, abs=1e-4
    )


def test_fitted_on_other_windows_it_keeps_its_steps_and_penalty():
    load = LoadSeries(np.arange(400, dtype=np.int64) * 900, np.random.default_rng(3).normal(50, 9, 400))
    windows = Windows(load, fit_features(load, SMALL, ZONE, rows=300), ZONE, SMALL)
    split = split_by_time(whole_windows(load, SMALL), SMALL)
    path = LinearPaths.fitted(windows, split.train, SMALL).best(split.validation)
    again, wider = (linear_path_like(path, windows, starts) for starts in (split.train, split.everything))
    assert again.kernel == pytest.approx(path.kernel)
    assert (wider.kernel.shape, wider.penalty) == (path.kernel.shape, path.penalty)
    assert not np.allclose(wider.kernel, path.kernel)
