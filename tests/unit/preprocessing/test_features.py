"""Seven features: the load, and sine and cosine of day, week and year by the wall clock."""

from datetime import UTC, datetime

import numpy as np
import pytest

from pipelines.preprocessing.features import batch_input, model_input, normalise, raw_features
from pipelines.preprocessing.series import regular_series
from pipelines.spec import Feature
from tests.data import BERLIN, MONDAY, QUARTER
from tests.specs import a_spec

NAMES = ["load", "day_sin", "day_cos", "week_sin", "week_cos", "year_sin", "year_cos"]


def features_at(time: datetime) -> dict[str, float]:
    series = regular_series(time, np.array([42.0]), resolution_s=900)
    return dict(zip(NAMES, raw_features(series, NAMES, BERLIN)[0], strict=True))


def angle(found: dict[str, float], cycle: str) -> float:
    return float(np.arctan2(found[f"{cycle}_sin"], found[f"{cycle}_cos"]) / (2 * np.pi) % 1)


@pytest.mark.parametrize("month", [1, 7])
def test_the_day_starts_at_local_midnight_in_winter_and_summer(month):
    midnight = datetime(2024, month, 10, tzinfo=BERLIN)
    assert angle(features_at(midnight), "day") == pytest.approx(0)
    assert angle(features_at(midnight.replace(hour=6)), "day") == pytest.approx(0.25)


def test_the_week_starts_on_monday():
    assert angle(features_at(datetime(2024, 6, 3, tzinfo=BERLIN)), "week") == pytest.approx(0)
    assert angle(features_at(datetime(2024, 6, 6, 12, tzinfo=BERLIN)), "week") == pytest.approx(0.5)


def test_the_year_goes_round_once_leap_day_or_not():
    for year, days in ((2023, 365), (2024, 366)):
        assert angle(features_at(datetime(year, 1, 1, tzinfo=BERLIN)), "year") == pytest.approx(0)
        last = features_at(datetime(year, 12, 31, tzinfo=BERLIN))
        assert angle(last, "year") == pytest.approx((days - 1) / days)


def test_the_load_is_left_as_it_is():
    assert features_at(datetime(2024, 6, 3, tzinfo=UTC))["load"] == 42.0


@pytest.mark.requirement("FR2")
def test_normalising_takes_the_mean_and_divides_by_the_deviation():
    features = (Feature(name="load", mean=100, std=20), Feature(name="day_sin", mean=0, std=0.5))
    assert normalise(np.array([[140.0, 1.0]]), features).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("apart", [(0, 5, 9), (0, 3000)])
def test_each_window_of_a_batch_has_its_own_calendar(apart):
    spec = a_spec()
    windows = [
        regular_series(MONDAY + step * QUARTER, np.arange(672.0) + step, resolution_s=900) for step in apart
    ]
    alone = np.concatenate([model_input(window, spec) for window in windows])
    assert np.array_equal(batch_input(windows, spec)[: len(windows)], alone)
