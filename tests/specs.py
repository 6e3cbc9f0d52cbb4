"""Forecast specs that tests are made of."""

from datetime import UTC, datetime

from pipelines.spec import Feature, ForecastSpec, IntervalOffsets, KnownRequest, TrainingRecord
from tests.data import MONDAY

CYCLES = ("day_sin", "day_cos", "week_sin", "week_cos", "year_sin", "year_cos")


def a_spec(
    *, window=672, horizon=8, mean=160.0, std=45.0, signatures=("serving_default",), answer=None, **changes
):
    """A spec of small constants; `answer` is what the known request gives."""
    return ForecastSpec(
        **{
            "features": (
                Feature(name="load", mean=mean, std=std),
                *(Feature(name=name, mean=0.0, std=0.7) for name in CYCLES),
            ),
            "window": window,
            "horizon": horizon,
            "resolution_s": 900,
            "time_zone": "Europe/Berlin",
            "signatures": signatures,
            "intervals": (
                IntervalOffsets(level=0.8, lower_kw=(-5.0,) * horizon, upper_kw=(6.0,) * horizon),
                IntervalOffsets(level=0.95, lower_kw=(-10.0,) * horizon, upper_kw=(12.0,) * horizon),
            ),
            "training": TrainingRecord(
                data_sha256="0" * 64,
                data_from=datetime(2023, 1, 1, tzinfo=UTC),
                data_until=datetime(2024, 1, 1, tzinfo=UTC),
                mae_kw=1.0,
                rmse_kw=2.0,
                naive_mae_kw={"last_value": 3.0},
                code="0.1.0 sha256:0",
                packages={"tensorflow": "2.20.0"},
            ),
            "known_request": KnownRequest(
                start=MONDAY, history_kw=(mean,) * window, forecast_kw=answer or (mean,) * horizon
            ),
            **changes,
        }
    )
