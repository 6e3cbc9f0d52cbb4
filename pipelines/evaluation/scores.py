"""How far forecasts are off: scores, and naive forecasts to beat. All in kW."""

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
    """Forecasts that need no model, from history of shape (windows, window), each (windows, horizon).

    `last_value` repeats the newest value; `yesterday` and `last_week` repeat what was measured at the
    same time a day and seven days before, where the history reaches back that far.
    """
    window = history_kw.shape[1]
    found = {"last_value": np.repeat(history_kw[:, -1:], horizon, axis=1)}
    for name, days in (("yesterday", 1), ("last_week", 7)):
        season = days * _DAY_S // resolution_s
        if season <= window:
            found[name] = history_kw[:, window - season + np.arange(horizon) % season]
    return found


def within(forecast_kw: Kw, outcome_kw: Kw, offsets: IntervalOffsets) -> NDArray[np.bool_]:
    """Which outcomes fall within the interval, shape (windows, horizon)."""
    error = outcome_kw - forecast_kw
    inside: NDArray[np.bool_] = (error >= np.array(offsets.lower_kw)) & (error <= np.array(offsets.upper_kw))
    return inside


def pinball_kw(forecast_kw: Kw, outcome_kw: Kw, intervals: tuple[IntervalOffsets, ...]) -> float:
    """Mean pinball loss of the forecast, as the median, and of both bounds of each interval.

    Koenker and Bassett (1978): at probability p an outcome above the quantile costs p of the difference,
    one below it 1 - p.
    """
    error = outcome_kw - forecast_kw
    quantiles: list[tuple[float, Kw]] = [(0.5, np.zeros(error.shape[1]))]
    for band in intervals:
        quantiles.append(((1 - band.level) / 2, np.array(band.lower_kw)))
        quantiles.append(((1 + band.level) / 2, np.array(band.upper_kw)))
    losses = [
        np.maximum(probability * (error - offset), (probability - 1) * (error - offset)).mean()
        for probability, offset in quantiles
    ]
    return float(np.mean(losses))
