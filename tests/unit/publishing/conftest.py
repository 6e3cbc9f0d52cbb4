"""Versions to publish: small and whole, and as good as asked for."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.evaluation.backtest import Report, cut
from pipelines.training.supermarket import START, ZONE, supermarket_load
from pipelines.training.training import prepare, train
from tests.unit.training.conftest import TINY


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    hyperparameters = replace(TINY, epochs=1, windows_per_epoch=64, batch_sizes=(1,))
    dataset = prepare(supermarket_load(START, 42, seed=1), ZONE, hyperparameters)
    folder = tmp_path_factory.mktemp("whole")
    return train("cnn", dataset, hyperparameters, folder, lambda stage, progress: None).folder


@pytest.fixture
def version(whole, tmp_path) -> Callable[[float], Path]:
    """A whole version whose forecasts are off by so many kW, if `judge` is to be believed."""

    def make(off_by_kw: float) -> Path:
        folder = tmp_path / f"off-by-{off_by_kw}" / "cnn" / "1"
        if not folder.exists():
            shutil.copytree(whole, folder)
            (folder / "off_by_kw").write_text(str(off_by_kw))
        return folder

    return make


@pytest.fixture(scope="session")
def judge() -> Callable[[Path, ZoneInfo], Report]:
    rolled = cut(supermarket_load(START, 10, seed=2), TINY)
    outcome_kw = np.lib.stride_tricks.sliding_window_view(rolled.series.kw, TINY.horizon)[
        rolled.starts + TINY.window
    ]
    return lambda folder, _zone: rolled.report(
        outcome_kw + float((folder / "off_by_kw").read_text()), (), None
    )
