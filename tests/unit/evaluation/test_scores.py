import numpy as np
import pytest

from pipelines.evaluation.scores import naive_forecasts, pinball_kw, score
from pipelines.spec import IntervalOffsets

HOURLY = 3600


def test_naive_forecasts_repeat_the_last_value_the_day_and_the_week_before():
    history = np.arange(170.0)[np.newaxis]  # hours 0 to 169; the forecast is of hours 170 to 172
    naive = naive_forecasts(history, horizon=3, resolution_s=HOURLY)
    assert naive["last_value"].tolist() == [[169, 169, 169]]
    assert naive["yesterday"].tolist() == [[146, 147, 148]]
    assert naive["last_week"].tolist() == [[2, 3, 4]]


def test_a_load_that_repeats_weekly_is_forecast_exactly_by_last_week():
    week = np.random.default_rng(1).normal(100, 20, 168)
    history, outcome = week[np.newaxis], week[np.newaxis, :8]
    naive = naive_forecasts(history, horizon=8, resolution_s=HOURLY)
    assert score(naive["last_week"], outcome).mae_kw == 0
    assert score(naive["last_value"], outcome).mae_kw > 1


def test_scores_are_per_step_and_over_all():
    forecast = np.array([[1.0, 2.0], [3.0, 0.0]])
    outcome = np.array([[1.0, 5.0], [1.0, -5.0]])
    result = score(forecast, outcome)
    assert result.mae_by_step_kw == (1.0, 4.0)
    assert result.mae_kw == 2.5
    assert result.rmse_by_step_kw == pytest.approx((np.sqrt(2), np.sqrt(17)))
    assert result.rmse_kw == pytest.approx(np.sqrt(38 / 4))


def test_a_horizon_longer_than_a_day_repeats_the_day():
    history = np.arange(48.0)[np.newaxis]
    naive = naive_forecasts(history, horizon=26, resolution_s=HOURLY)
    assert naive["yesterday"][0, [0, 23, 24, 25]].tolist() == [24, 47, 24, 25]
    assert "last_week" not in naive  # two days of history do not reach back that far


def test_pinball_loss_is_least_at_the_true_quantiles():
    errors = np.random.default_rng(4).normal(size=(20_000, 1))
    zero = np.zeros_like(errors)

    def loss(half_width):
        band = IntervalOffsets(level=0.8, lower_kw=(-half_width,), upper_kw=(half_width,))
        return pinball_kw(zero, errors, (band,))

    assert loss(1.2816) < min(loss(1.0), loss(1.6))


def test_pinball_loss_of_the_median_alone_is_half_the_absolute_error():
    assert pinball_kw(np.zeros((2, 1)), np.array([[3.0], [-5.0]]), ()) == pytest.approx(2.0)
