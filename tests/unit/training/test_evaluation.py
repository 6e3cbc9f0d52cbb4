import numpy as np
import pytest

from pipelines.training.evaluation import coverage, interval_offsets, naive_forecasts, score

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


def test_intervals_hold_their_level_on_errors_they_were_not_made_from():
    rng = np.random.default_rng(2)
    step_std = np.array([1.0, 2.0, 4.0])
    seen, unseen = rng.normal(size=(2, 4000, 3)) * step_std
    narrow, wide = interval_offsets(np.zeros_like(seen), seen, (0.8, 0.95))
    assert coverage(np.zeros_like(unseen), unseen, narrow) == pytest.approx(0.80, abs=0.02)
    assert coverage(np.zeros_like(unseen), unseen, wide) == pytest.approx(0.95, abs=0.02)
    assert narrow.upper_kw == pytest.approx(1.2816 * step_std, rel=0.08)
    assert narrow.lower_kw == pytest.approx(-1.2816 * step_std, rel=0.08)


def test_a_wider_level_never_lies_within_a_narrower_one():
    errors = np.random.default_rng(3).normal(size=(9, 4))
    narrow, wide = interval_offsets(np.zeros_like(errors), errors, (0.5, 0.95))
    assert (np.array(wide.lower_kw) <= np.array(narrow.lower_kw)).all()
    assert (np.array(wide.upper_kw) >= np.array(narrow.upper_kw)).all()


def test_bounds_follow_a_bias_of_the_model():
    errors = np.full((50, 2), 7.0)
    (band,) = interval_offsets(np.zeros_like(errors), errors, (0.8,))
    assert band.lower_kw == band.upper_kw == (7.0, 7.0)
