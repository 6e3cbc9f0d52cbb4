import numpy as np
import pytest

from pipelines.evaluation.scores import within
from pipelines.training.intervals import interval_offsets


def test_intervals_hold_their_level_on_errors_they_were_not_made_from():
    rng = np.random.default_rng(2)
    step_std = np.array([1.0, 2.0, 4.0])
    seen, unseen = rng.normal(size=(2, 4000, 3)) * step_std
    narrow, wide = interval_offsets(np.zeros_like(seen), seen, (0.8, 0.95))
    assert within(np.zeros_like(unseen), unseen, narrow).mean() == pytest.approx(0.80, abs=0.02)
    assert within(np.zeros_like(unseen), unseen, wide).mean() == pytest.approx(0.95, abs=0.02)
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
