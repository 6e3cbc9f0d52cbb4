"""How far forecasts are off: scores, naive forecasts to beat, and the spread of the errors. All in kW."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import IntervalOffsets

_DAY_S = 86_400

Kw = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Errors of forecasts of shape (windows, horizon)."""

    mae_kw: float
    rmse_kw: float
    mae_by_step_kw: tuple[float, ...]
    rmse_by_step_kw: tuple[float, ...]


def score(forecast_kw: Kw, outcome_kw: Kw) -> Score:
    """Mean absolute and root mean squared error, over all and per step of the horizon."""
    error = forecast_kw - outcome_kw
    by_step = np.abs(error).mean(axis=0)
    squared = np.square(error).mean(axis=0)
    return Score(
        float(by_step.mean()),
        float(np.sqrt(squared.mean())),
        tuple(by_step.tolist()),
        tuple(np.sqrt(squared).tolist()),
    )


def naive_forecasts(history_kw: Kw, *, horizon: int, resolution_s: int) -> Mapping[str, Kw]:
    """Forecasts that need no model, from history of shape (windows, window), a week or longer.

    `last_value` repeats the newest value; `yesterday` and `last_week` repeat what was measured at the
    same time a day and seven days before. Each of shape (windows, horizon).
    """

    def same_time(days: int) -> Kw:
        begin = history_kw.shape[1] - days * _DAY_S // resolution_s
        return history_kw[:, begin : begin + horizon]

    return {
        "last_value": np.repeat(history_kw[:, -1:], horizon, axis=1),
        "yesterday": same_time(1),
        "last_week": same_time(7),
    }


def interval_offsets(
    forecast_kw: Kw, outcome_kw: Kw, levels: tuple[float, ...]
) -> tuple[IntervalOffsets, ...]:
    """Per level and step, what to add to a forecast so that the outcome falls between, kW.

    Split conformal: the quantiles of the errors on windows the model was not fitted to, taken a little
    wider for their finite number n, at ceil((n + 1) p) / n (Lei et al. 2018).
    """
    error = outcome_kw - forecast_kw
    count = error.shape[0]

    def quantile(probability: float) -> tuple[float, ...]:
        rank = min(np.ceil((count + 1) * probability) / count, 1.0)
        values: Kw = np.quantile(error, rank, axis=0, method="higher")
        return tuple(values.tolist())

    def mirrored(probability: float) -> tuple[float, ...]:
        rank = max(1 - np.ceil((count + 1) * (1 - probability)) / count, 0.0)
        values: Kw = np.quantile(error, rank, axis=0, method="lower")
        return tuple(values.tolist())

    return tuple(
        IntervalOffsets(level=level, lower_kw=mirrored((1 - level) / 2), upper_kw=quantile((1 + level) / 2))
        for level in levels
    )


def coverage(forecast_kw: Kw, outcome_kw: Kw, offsets: IntervalOffsets) -> float:
    """Share of outcomes within the interval, over all windows and steps."""
    error = outcome_kw - forecast_kw
    return float(((error >= np.array(offsets.lower_kw)) & (error <= np.array(offsets.upper_kw))).mean())
