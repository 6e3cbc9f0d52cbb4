"""One training run: a load series in, a version of a model out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import ForecastSpec, IntervalOffsets, KnownRequest, TrainingRecord
from pipelines.training.architectures import build
from pipelines.training.checks import check_version
from pipelines.training.evaluation import Kw, Score, coverage, interval_offsets, naive_forecasts, score
from pipelines.training.export import COMPILED, PLAIN, export_model, write_version
from pipelines.training.fitting import Progress, fit, predict
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.linear import LinearPath, fit_linear_path
from pipelines.training.windows import Split, Starts, Windows, fit_features, split_by_time, whole_windows


@dataclass(frozen=True)
class Dataset:
    """A series made ready to train on; both models share one."""

    series: LoadSeries
    zone: ZoneInfo
    split: Split
    windows: Windows
    linear: LinearPath

    def history_kw(self, starts: Starts) -> Kw:
        """Load of the windows, shape (windows, window)."""
        return self.kw(self.windows.history(starts))

    def outcome_kw(self, starts: Starts) -> Kw:
        """Load of the horizons, shape (windows, horizon)."""
        return self.kw(self.windows.targets(starts))

    def kw(self, normalised: NDArray[np.floating]) -> Kw:
        """Load or forecasts of any shape in kW."""
        return denormalise(normalised, mean_kw=self.windows.load.mean, std_kw=self.windows.load.std)


@dataclass(frozen=True)
class Outcome:
    """A model trained, exported and scored on the test windows."""

    folder: Path
    score: Score
    coverage: dict[float, float]
    """Share of outcomes within the interval of each level."""


def prepare(series: LoadSeries, zone: ZoneInfo, hyperparameters: Hyperparameters) -> Dataset:
    """Cut, split and normalise a series, and fit the linear path.

    Raises TooLittleDataError where the series is too short or has too many gaps.
    """
    split = split_by_time(whole_windows(series, hyperparameters), hyperparameters)
    seen = int(split.train[-1]) + hyperparameters.window + hyperparameters.horizon
    features = fit_features(series, hyperparameters, zone, rows=seen)
    windows = Windows(series, features, zone, hyperparameters)
    return Dataset(series, zone, split, windows, fit_linear_path(windows, split, hyperparameters))


def naive_scores(dataset: Dataset, hyperparameters: Hyperparameters) -> dict[str, Score]:
    """Scores of the naive forecasts on the test windows, by name."""
    test = dataset.split.test
    forecasts = naive_forecasts(
        dataset.history_kw(test), horizon=hyperparameters.horizon, resolution_s=hyperparameters.resolution_s
    )
    return {name: score(forecast_kw, dataset.outcome_kw(test)) for name, forecast_kw in forecasts.items()}


def linear_score(dataset: Dataset) -> Score:
    """Score of the linear path alone on the test windows."""
    test = dataset.split.test
    forecast_kw = dataset.kw(dataset.linear.forecast(dataset.windows.history(test)))
    return score(forecast_kw, dataset.outcome_kw(test))


def train(
    architecture: Architecture,
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    repository: Path,
    tell: Callable[[Progress], None],
) -> Outcome:
    """Fit, score, export and check one model, and write it as the next version into the repository.

    The same data and seed give the same weights on the same machine.
    Raises ExportCheckError where the export is not what it should be; nothing is written then.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(hyperparameters.seed)
    model = build(architecture, dataset.linear, hyperparameters)
    fit(model, dataset.windows, dataset.split, hyperparameters, tell)

    def forecast_kw(starts: Starts) -> Kw:
        return dataset.kw(predict(model, dataset.windows, starts))

    calibration, test = dataset.split.calibration, dataset.split.test
    intervals = interval_offsets(
        forecast_kw(calibration), dataset.outcome_kw(calibration), hyperparameters.levels
    )
    tested_kw, outcome_kw = forecast_kw(test), dataset.outcome_kw(test)
    scored = score(tested_kw, outcome_kw)
    known = _known_request(dataset, test[:1], forecast_kw(test[:1]))
    spec = _spec(dataset, hyperparameters, intervals, scored, known)

    def write(folder: Path) -> None:
        export_model(model, spec, folder)
        check_version(folder, spec)

    return Outcome(
        write_version(repository, architecture, write),
        scored,
        {band.level: coverage(tested_kw, outcome_kw, band) for band in intervals},
    )


def _spec(
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    intervals: tuple[IntervalOffsets, ...],
    scored: Score,
    known: KnownRequest,
) -> ForecastSpec:
    series = dataset.series
    naive = naive_scores(dataset, hyperparameters)
    return ForecastSpec(
        signatures=(COMPILED, PLAIN),
        batch_sizes=hyperparameters.batch_sizes,
        features=dataset.windows.features,
        window=hyperparameters.window,
        horizon=hyperparameters.horizon,
        resolution_s=hyperparameters.resolution_s,
        time_zone=dataset.zone.key,
        intervals=intervals,
        training=TrainingRecord(
            data_sha256=data_sha256(series),
            data_from=_utc(series.times_s[0]),
            data_until=_utc(series.times_s[-1] + hyperparameters.resolution_s),
            mae_kw=scored.mae_kw,
            rmse_kw=scored.rmse_kw,
            naive_mae_kw={name: result.mae_kw for name, result in naive.items()},
            tensorflow=tf.__version__,
        ),
        known_request=known,
    )


def _known_request(dataset: Dataset, start: Starts, forecast_kw: Kw) -> KnownRequest:
    first = int(start[0])
    history = dataset.series.kw[first : first + dataset.windows.window]
    return KnownRequest(
        start=_utc(dataset.series.times_s[first]),
        history_kw=tuple(history.tolist()),
        forecast_kw=tuple(forecast_kw[0].tolist()),
    )


def data_sha256(series: LoadSeries) -> str:
    """Hash of the values themselves, whatever file they came in: times, int64 seconds, then kW, float64."""
    digest = hashlib.sha256(series.times_s.astype("<i8").tobytes())
    digest.update(series.kw.astype("<f8").tobytes())
    return digest.hexdigest()


def _utc(time_s: np.int64) -> datetime:
    return datetime.fromtimestamp(int(time_s), UTC)
