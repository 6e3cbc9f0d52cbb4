"""A backtest: a model's forecasts at every step of a past series, against what came and naive forecasts.

The models are asked elsewhere: `Backtest` cuts the windows and makes the report of their answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pipelines.errors import invalid
from pipelines.evaluation.scores import Kw, Score, naive_forecasts, pinball_kw, score, within
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.windows import Shape, Starts, whole_windows
from pipelines.spec import IntervalOffsets, LinearForecast

_DAY_S = 86_400
_AT_ONCE = 1024
"""Windows whose histories are in memory together."""
_COVERAGE = {0.80: "coverage_80", 0.95: "coverage_95"}
"""Fields by the level of their interval."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NaiveOut(_Document):
    """A forecast to beat, on the same windows."""

    mae_kw: float
    rmse_kw: float
    skill: float = Field(description="Share of its mean absolute error that the model saves; below 0: worse.")


class StepScoreOut(_Document):
    """How one step of the horizon was forecast."""

    step: int = Field(description="From 1.")
    mae_kw: float
    rmse_kw: float
    coverage_80: float | None
    coverage_95: float | None
    naive_mae_kw: dict[str, float]


class Report(_Document):
    """How good a model's forecasts of a past series were."""

    windows: int = Field(description="Forecasts compared.")
    stride: int = Field(description="Steps from one forecast to the next.")
    data_from: AwareDatetime = Field(description="Start of the first step forecast.")
    data_until: AwareDatetime = Field(description="End of the last one.")
    mae_kw: float = Field(description="Mean absolute error over all windows and steps.")
    rmse_kw: float = Field(description="Root mean squared error.")
    mase: float | None = Field(
        description="Mean absolute error over that of the same time yesterday, from all rows of the file "
        "(Hyndman and Koehler 2006); null where they are less than a day, or repeat daily."
    )
    pinball_kw: float = Field(
        description="Mean pinball loss of the forecast and the bounds of its intervals."
    )
    coverage_80: float | None = Field(description="Share of outcomes within the 80 % interval.")
    coverage_95: float | None = Field(description="Share of outcomes within the 95 % interval.")
    naive: dict[str, NaiveOut] = Field(
        description="last_value, yesterday, last_week; and linear, a ridge regression fitted with the model."
    )
    by_step: list[StepScoreOut]


@dataclass(frozen=True)
class Backtest:
    """A past series, cut for models of one shape."""

    series: LoadSeries
    shape: Shape
    starts: Starts
    """Rows at which the windows start."""
    stride: int = 1
    """Steps from one window to the next."""

    def batches(self, size: int) -> Iterator[list[LoadSeries]]:
        """All windows, oldest first, so many at a time."""
        for begin in range(0, self.starts.size, size):
            yield [self._window(int(start)) for start in self.starts[begin : begin + size]]

    def _window(self, start: int) -> LoadSeries:
        rows = slice(start, start + self.shape.window)
        return LoadSeries(self.series.times_s[rows], self.series.kw[rows])

    def report(
        self, forecast_kw: Kw, intervals: tuple[IntervalOffsets, ...], linear: LinearForecast | None
    ) -> Report:
        """Compare a model's forecasts of all windows, in their order, of shape (windows, horizon), kW."""
        shape, outcome_kw = self.shape, self._outcome_kw()
        scored = score(forecast_kw, outcome_kw)
        naive = {name: score(kw, outcome_kw) for name, kw in self._naive_kw(linear).items()}
        inside = {band.level: within(forecast_kw, outcome_kw, band) for band in intervals}

        def covered(step: int | None) -> dict[str, float | None]:
            return {
                name: float(inside[level][:, step].mean()) if level in inside else None
                for level, name in _COVERAGE.items()
            }

        first, last = int(self.starts[0]) + shape.window, int(self.starts[-1]) + shape.window + shape.horizon
        return Report(
            windows=self.starts.size,
            stride=self.stride,
            data_from=_utc(self.series.times_s[first]),
            data_until=_utc(self.series.times_s[last - 1] + shape.resolution_s),
            mae_kw=scored.mae_kw,
            rmse_kw=scored.rmse_kw,
            mase=self._mase(scored),
            pinball_kw=pinball_kw(forecast_kw, outcome_kw, intervals),
            **covered(None),
            naive={
                name: NaiveOut(mae_kw=other.mae_kw, rmse_kw=other.rmse_kw, skill=_skill(scored, other))
                for name, other in naive.items()
            },
            by_step=[
                StepScoreOut(
                    step=step + 1,
                    mae_kw=scored.mae_by_step_kw[step],
                    rmse_kw=scored.rmse_by_step_kw[step],
                    **covered(step),
                    naive_mae_kw={name: other.mae_by_step_kw[step] for name, other in naive.items()},
                )
                for step in range(shape.horizon)
            ],
        )

    def _outcome_kw(self) -> Kw:
        return sliding_window_view(self.series.kw, self.shape.horizon)[self.starts + self.shape.window]

    def _naive_kw(self, linear: LinearForecast | None) -> dict[str, Kw]:
        """In parts: the histories of a year are 180 MB."""
        histories = sliding_window_view(self.series.kw, self.shape.window)
        found: dict[str, list[Kw]] = {}
        for begin in range(0, self.starts.size, _AT_ONCE):
            history_kw = histories[self.starts[begin : begin + _AT_ONCE]]
            part = dict(
                naive_forecasts(history_kw, horizon=self.shape.horizon, resolution_s=self.shape.resolution_s)
            )
            if linear is not None:
                part["linear"] = linear.forecast_kw(history_kw)
            for name, kw in part.items():
                found.setdefault(name, []).append(kw)
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _mase(self, scored: Score) -> float | None:
        day = _DAY_S // self.shape.resolution_s
        a_day_apart = self.series.times_s[day:] - self.series.times_s[:-day] == _DAY_S
        change_kw = np.abs(self.series.kw[day:] - self.series.kw[:-day])[a_day_apart]
        scale_kw = float(change_kw.mean()) if change_kw.size else 0.0
        return scored.mae_kw / scale_kw if scale_kw else None


def cut(series: LoadSeries, shape: Shape, *, stride: int = 1) -> Backtest:
    """Every `stride`-th window of a series that has what followed it; those with a gap are left out.

    Raises InvalidSeriesError where there is none.
    """
    starts = whole_windows(series, shape)
    if not starts.size:
        raise invalid(
            "length",
            f"a backtest needs {shape.window + shape.horizon} rows without a gap, "
            f"{shape.resolution_s / 60:g} minutes apart: {shape.window} to forecast from, "
            f"{shape.horizon} to compare with",
        )
    return Backtest(series, shape, starts[::stride], stride)


def _skill(scored: Score, other: Score) -> float:
    return 1 - scored.mae_kw / other.mae_kw if other.mae_kw else 0.0


def _utc(time_s: np.int64) -> datetime:
    return datetime.fromtimestamp(int(time_s), UTC)
