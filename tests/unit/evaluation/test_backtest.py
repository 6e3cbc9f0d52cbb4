from dataclasses import dataclass

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.evaluation.backtest import cut
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import IntervalOffsets, LinearForecast


@dataclass(frozen=True)
class Hourly:
    window: int = 168
    horizon: int = 2
    resolution_s: int = 3600
    grid_s: int = 0


def hours(kw, *, without=()):
    """An hourly series; without some of its rows."""
    kept = np.setdiff1d(np.arange(len(kw)), without)
    return LoadSeries(kept.astype(np.int64) * 3600, np.asarray(kw, dtype=np.float64)[kept])


def noise(count, seed=1):
    return np.random.default_rng(seed).normal(100, 10, count)


def test_every_step_that_has_a_window_before_and_a_horizon_after_is_forecast():
    rolled = cut(hours(noise(200)), Hourly())
    windows = [window for batch in rolled.batches(8) for window in batch]
    assert len(windows) == 200 - 170 + 1
    assert [window.times_s[-1] for window in windows] == [(167 + i) * 3600 for i in range(31)]
    assert [len(batch) for batch in rolled.batches(8)] == [8, 8, 8, 7]


def test_a_stride_leaves_windows_out():
    rolled = cut(hours(noise(200)), Hourly(), stride=10)
    starts = [window.times_s[0] // 3600 for batch in rolled.batches(4) for window in batch]
    assert starts == [0, 10, 20, 30]


def test_windows_with_a_gap_are_left_out():
    rolled = cut(hours(noise(400), without=[200]), Hourly())
    assert rolled.starts.size == (200 - 170 + 1) + (199 - 170 + 1)


@pytest.mark.parametrize("series", [hours(noise(169)), hours(noise(300), without=range(0, 300, 50))])
def test_a_series_without_a_whole_window_is_refused_and_says_what_is_needed(series):
    with pytest.raises(InvalidSeriesError, match="170 rows without a gap, 60 minutes apart"):
        cut(series, Hourly())


def report_of(kw, forecast, intervals=(), linear=None, **options):
    rolled = cut(hours(kw), Hourly(), **options)
    outcome = np.array([kw[start + 168 : start + 170] for start in rolled.starts])
    return rolled.report(forecast(outcome), intervals, linear)


def test_scores_are_those_of_the_definition():
    report = report_of(noise(300), lambda outcome: outcome + np.array([3.0, -4.0]))
    assert report.windows == 131
    assert report.mae_kw == pytest.approx(3.5)
    assert report.rmse_kw == pytest.approx(np.sqrt(12.5))
    assert [step.mae_kw for step in report.by_step] == pytest.approx([3, 4])
    assert [step.step for step in report.by_step] == [1, 2]
    assert report.pinball_kw == pytest.approx(1.75)
    assert (report.data_from.isoformat(), report.data_until.isoformat()) == (
        "1970-01-08T00:00:00+00:00",
        "1970-01-13T12:00:00+00:00",
    )


def test_naive_forecasts_are_scored_on_the_same_windows():
    kw = noise(300)
    report = report_of(kw, lambda outcome: outcome + 1)
    starts = np.arange(131)
    expected = {
        "last_value": [np.abs(kw[starts + 167] - kw[starts + 168 + step]).mean() for step in range(2)],
        "yesterday": [np.abs(kw[starts + 144 + step] - kw[starts + 168 + step]).mean() for step in range(2)],
        "last_week": [np.abs(kw[starts + step] - kw[starts + 168 + step]).mean() for step in range(2)],
    }
    for name, by_step in expected.items():
        assert report.naive[name].mae_kw == pytest.approx(np.mean(by_step))
        assert [step.naive_mae_kw[name] for step in report.by_step] == pytest.approx(by_step)
        assert report.naive[name].skill == pytest.approx(1 - 1 / np.mean(by_step))
    day = np.abs(kw[24:] - kw[:-24]).mean()
    assert report.mase == pytest.approx(1 / day)


def test_the_linear_forecast_is_that_of_the_model():
    """The next value is twice the last less the one before: exact on a straight line."""
    linear = LinearForecast(kernel=((-1.0, -2.0), (0.0, 0.0)), bias_kw=(0.0, 0.0))
    kw = np.arange(300.0)
    report = report_of(kw, lambda outcome: outcome + 1, linear=linear)
    assert report.naive["linear"].mae_kw == pytest.approx(0)
    assert report.naive["last_value"].mae_kw == pytest.approx(1.5)


def test_coverage_is_the_share_of_outcomes_within():
    errors = np.linspace(-1, 1, 131)
    bands = tuple(
        IntervalOffsets(level=level, lower_kw=(-level,) * 2, upper_kw=(level,) * 2) for level in (0.8, 0.95)
    )
    report = report_of(noise(300), lambda outcome: outcome - errors[:, np.newaxis], bands)
    assert report.coverage_80 == pytest.approx(0.8, abs=0.01)
    assert report.coverage_95 == pytest.approx(0.95, abs=0.02)
    assert report.by_step[0].coverage_80 == report.coverage_80


def test_a_model_without_intervals_has_no_coverage_and_a_constant_load_no_scale():
    report = report_of(np.full(300, 7.0), lambda outcome: outcome)
    assert report.coverage_80 is report.coverage_95 is report.mase is None
    assert report.naive["yesterday"].skill == 0
