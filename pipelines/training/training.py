"""One training run: a load series in, a version of a model out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.backtest import Backtest, Report
from pipelines.evaluation.gate import require_skill
from pipelines.evaluation.scores import Kw
from pipelines.postprocessing import denormalise
from pipelines.preprocessing.calendar import Cycle
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.windows import Starts, whole_windows
from pipelines.spec import ForecastSpec, KnownRequest, Observed, TrainingRecord
from pipelines.training.architectures import build
from pipelines.training.checks import check_version
from pipelines.training.export import COMPILED, PLAIN, export_model, write_version
from pipelines.training.fitting import Epoch, Progress, fit, predict
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.intervals import interval_offsets
from pipelines.training.linear import LinearPath, LinearPaths, linear_path_like
from pipelines.training.provenance import code_version, data_sha256, package_versions
from pipelines.training.windows import Split, Windows, fit_features, split_by_time

Stage = Literal["judging", "fitting all"]

CYCLES: dict[Cycle, int] = {"day": 86_400, "week": 7 * 86_400, "year": 365 * 86_400}
"""Lengths of the calendar's cycles, seconds."""


@dataclass(frozen=True)
class Dataset:
    """A series made ready to train on; both models share one."""

    series: LoadSeries
    zone: ZoneInfo
    split: Split
    windows: Windows
    cycles: tuple[Cycle, ...]
    """Those that the training windows go round."""
    linear: LinearPath
    """Fitted on the training windows, to be judged on the others."""
    final_linear: LinearPath
    """Fitted on all windows."""

    def outcome_kw(self, starts: Starts) -> Kw:
        """Load of the horizons, shape (windows, horizon)."""
        return self.kw(self.windows.targets(starts))

    def kw(self, normalised: NDArray[np.floating]) -> Kw:
        """Load or forecasts of any shape in kW."""
        return denormalise(normalised, mean_kw=self.windows.load.mean, std_kw=self.windows.load.std)


@dataclass(frozen=True)
class Outcome:
    """A model trained, scored on the test windows, and written."""

    folder: Path
    history: list[Epoch]
    """Of the model that was judged."""
    report: Report
    """Of the test windows, by the model that had not seen them."""
    spec: ForecastSpec


def prepare(series: LoadSeries, zone: ZoneInfo, hyperparameters: Hyperparameters) -> Dataset:
    """Cut, split and normalise a series, and fit the linear path.

    Raises TooLittleDataError where the series is too short or has too many gaps.
    """
    split = split_by_time(whole_windows(series, hyperparameters), hyperparameters)
    seen = int(split.train[-1]) + hyperparameters.window + hyperparameters.horizon
    features = fit_features(series, hyperparameters, zone, rows=seen)
    windows = Windows(series, features, zone, hyperparameters)
    seen_s = int(series.times_s[seen - 1] - series.times_s[0])
    paths = LinearPaths.fitted(windows, split.train, hyperparameters)
    return Dataset(
        series,
        zone,
        split,
        windows,
        tuple(cycle for cycle, length_s in CYCLES.items() if seen_s >= length_s),
        paths.best(split.validation),
        linear_path_like(paths.best(split.held_back), windows, split.everything),
    )


def train(
    architecture: Architecture,
    dataset: Dataset,
    hyperparameters: Hyperparameters,
    repository: Path,
    tell: Callable[[Stage, Progress], None],
) -> Outcome:
    """Fit, score, export and check one model, and write it as the next version into the repository.

    Twice: first on the oldest windows, to stop in time, to be scored on the newest and to learn how far
    forecasts stray; then, if it is any good, anew on all of them, for the newest weeks teach the most.
    The same data and seed give the same weights on the same machine.
    Raises NotGoodEnoughError where a naive forecast is better, ExportCheckError where the export is not
    what it should be; nothing is written then.
    """
    split, windows = dataset.split, dataset.windows

    def fitted(
        stage: Stage, linear: LinearPath, on: Starts, validation: Starts | None
    ) -> tuple[Any, list[Epoch]]:
        keras.backend.clear_session()
        keras.utils.set_random_seed(hyperparameters.seed)
        model = build(architecture, linear, hyperparameters, dataset.cycles)
        return model, fit(
            model, windows, on, validation, hyperparameters=hyperparameters, tell=partial(tell, stage)
        )

    judged, history = fitted("judging", dataset.linear, split.train, split.validation)
    strays_kw = dataset.kw(predict(judged, windows, split.calibration))
    intervals = interval_offsets(strays_kw, dataset.outcome_kw(split.calibration), hyperparameters.levels)
    linear = dataset.linear.in_kw(windows.load)
    tested_kw = dataset.kw(predict(judged, windows, split.test))
    report = Backtest(dataset.series, hyperparameters, split.test).report(tested_kw, intervals, linear)
    require_skill(report)

    model, _ = fitted("fitting all", dataset.final_linear, split.everything, None)
    known = split.test[:1]
    spec = ForecastSpec(
        signatures=(COMPILED, PLAIN),
        batch_sizes=hyperparameters.batch_sizes,
        features=windows.features,
        window=hyperparameters.window,
        horizon=hyperparameters.horizon,
        resolution_s=hyperparameters.resolution_s,
        time_zone=dataset.zone.key,
        intervals=intervals,
        linear=dataset.final_linear.in_kw(windows.load),
        training=_record(dataset, hyperparameters, report),
        known_request=_known_request(dataset, int(known[0]), dataset.kw(predict(model, windows, known))[0]),
    )

    def write(folder: Path) -> None:
        export_model(model, spec, folder)
        check_version(folder, spec)

    return Outcome(write_version(repository, architecture, write), history, report, spec)


def _record(dataset: Dataset, hyperparameters: Hyperparameters, report: Report) -> TrainingRecord:
    series = dataset.series
    return TrainingRecord(
        data_sha256=data_sha256(series),
        data_from=_utc(series.times_s[0]),
        data_until=_utc(series.times_s[-1] + hyperparameters.resolution_s),
        mae_kw=report.mae_kw,
        rmse_kw=report.rmse_kw,
        naive_mae_kw={name: other.mae_kw for name, other in report.naive.items()},
        code=code_version(),
        packages=package_versions(),
        observed=Observed(
            min_kw=float(series.kw.min()),
            max_kw=float(series.kw.max()),
            longest_flat_steps=longest_flat(series),
        ),
    )


def longest_flat(series: LoadSeries) -> int:
    """Longest run of identical values, steps."""
    changes = np.flatnonzero(np.diff(series.kw))
    return int(np.diff(np.concatenate([[-1], changes, [series.kw.size - 1]])).max())


def _known_request(dataset: Dataset, first: int, forecast_kw: Kw) -> KnownRequest:
    history = dataset.series.kw[first : first + dataset.windows.window]
    return KnownRequest(
        start=_utc(dataset.series.times_s[first]),
        history_kw=tuple(history.tolist()),
        forecast_kw=tuple(forecast_kw.tolist()),
    )


def _utc(time_s: np.int64) -> datetime:
    return datetime.fromtimestamp(int(time_s), UTC)
