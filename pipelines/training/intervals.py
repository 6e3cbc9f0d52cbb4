"""How far outcomes stray from a model's forecasts: what its intervals are made of."""

import numpy as np

from pipelines.evaluation.scores import Kw
from pipelines.spec import IntervalOffsets


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
