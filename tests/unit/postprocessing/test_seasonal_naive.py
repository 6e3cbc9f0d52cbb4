"""As it was last week, or else yesterday; nothing is made up."""

import numpy as np

from pipelines.postprocessing import seasonal_naive

NAN = float("nan")
WEEK = np.arange(672.0)


def naive(kw, horizon=8):
    return seasonal_naive(kw, horizon=horizon, resolution_s=900).tolist()


def test_the_same_time_last_week_comes_first():
    assert naive(WEEK) == WEEK[:8].tolist()
    assert naive(np.append([-1.0] * 28, WEEK)) == WEEK[:8].tolist()


def test_step_by_step_yesterday_stands_in():
    kw = WEEK.copy()
    kw[[2, 3]] = NAN
    assert naive(kw) == [0, 1, 578, 579, 4, 5, 6, 7]


def test_a_shorter_window_has_yesterday_alone():
    assert naive(WEEK[:200]) == WEEK[104:112].tolist()


def test_what_neither_has_is_left_open():
    kw = WEEK.copy()
    kw[[2, 578]] = NAN
    assert np.isnan(naive(kw)).tolist() == [False, False, True] + [False] * 5
    assert np.isnan(naive(WEEK[:50])).all()


def test_further_ahead_than_a_season_it_comes_round_again():
    assert naive(WEEK[:96], horizon=98) == [*range(96), 0, 1]
    assert naive(WEEK, horizon=674)[-3:] == [671, 0, 1]
