"""A run of training small enough for tests, exported once for all of them."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pipelines.spec import ForecastSpec
from pipelines.training.checks import load_as_server
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.supermarket import START, ZONE, supermarket_load
from pipelines.training.training import Dataset, Outcome, prepare, train

TINY = replace(
    Hyperparameters(),
    recurrent_units=3,
    head_units=4,
    filters=2,
    kernel=3,
    pool=16,
    epochs=2,
    windows_per_epoch=64,
    batch_sizes=(1, 2),
    linear_steps=(96, 672),
)


@dataclass(frozen=True)
class TinyRun:
    dataset: Dataset
    repository: Path
    outcome: Outcome
    spec: ForecastSpec


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    return prepare(supermarket_load(START, 42, seed=1), ZONE, TINY)


@pytest.fixture(scope="session")
def tiny_run(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    repository = tmp_path_factory.mktemp("repository")
    outcome = train("cnn", tiny_dataset, TINY, repository, lambda stage, progress: None)
    with load_as_server(outcome.folder) as version:
        spec = version.spec()
    return TinyRun(tiny_dataset, repository, outcome, spec)
