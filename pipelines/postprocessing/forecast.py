"""From a model's output to a forecast in kW with times and intervals."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.series import MAX_VALUE_KW, LoadSeries
from pipelines.spec import ForecastSpec


class Interval(NamedTuple):
    """Bounds that the outcome falls between with probability `level`, kW."""

    level: float
    lower_kw: float
    upper_kw: float


class Step(NamedTuple):
    """The forecast of one step."""

    valid_from: datetime
    valid_to: datetime
    kw: float
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Forecast:
    """The steps that follow a window of history, all times UTC."""

    data_from: datetime
    data_until: datetime
    steps: tuple[Step, ...]


def denormalise(output: NDArray[np.floating], *, mean_kw: float, std_kw: float) -> NDArray[np.float64]:
    """Model output to kW, any shape: output * std + mean, in double precision.

    >>> denormalise(np.array([-1.0, 0.5]), mean_kw=100.0, std_kw=10.0).tolist()
    [90.0, 105.0]
    """
    return output.astype(np.float64) * std_kw + mean_kw


def forecast(
    loads_kw: NDArray[np.float64], window: LoadSeries, spec: ForecastSpec, *, is_models: bool = True
) -> Forecast:
    """The forecast of one window from the loads that a model answered for it, shape (horizon,), kW.

    Loads that are not the model's have no intervals: they would be those of its errors.

    Raises ValueError where there are more or fewer, or one is not a power any meter shows.
    """
    if loads_kw.shape != (spec.horizon,):
        raise ValueError(f"the model answered shape {loads_kw.shape}, not ({spec.horizon},)")
    if not (np.abs(loads_kw) <= MAX_VALUE_KW).all():
        raise ValueError("the model answered a value that is not a power")
    end_s = int(window.times_s[-1]) + spec.resolution_s
    edges = _edges(end_s, spec.resolution_s, spec.horizon)
    bands = [(band.level, band.lower_kw, band.upper_kw) for band in spec.intervals if is_models]
    steps = tuple(
        [
            Step(
                edges[i],
                edges[i + 1],
                kw,
                tuple(
                    [
                        Interval(level, kw + lower_kw[i], kw + upper_kw[i])
                        for level, lower_kw, upper_kw in bands
                    ]
                ),
            )
            for i, kw in enumerate(loads_kw.tolist())
        ]
    )
    return Forecast(_utc(int(window.times_s[0])), edges[0], steps)


@lru_cache(maxsize=32)
def _edges(start_s: int, resolution_s: int, steps: int) -> tuple[datetime, ...]:
    """Where the steps begin, and the last one ends; meters of a fleet share them."""
    return tuple([_utc(start_s + resolution_s * i) for i in range(steps + 1)])


def _utc(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
