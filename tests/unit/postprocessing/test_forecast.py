"""Model outputs become kW with times."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from pipelines.postprocessing import denormalise, forecast
from pipelines.preprocessing.series import regular_series
from tests.data import MONDAY, SHARED_DATA
from tests.specs import a_spec


@pytest.mark.requirement("FR3")
@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the thesis' example is not beside this checkout")
def test_the_thesis_example_is_reproduced():
    example = json.loads((SHARED_DATA / "thesis_postprocessing.json").read_text())
    kw = denormalise(np.array(example["normalised"]), mean_kw=example["mean_kw"], std_kw=example["std_kw"])
    assert kw == pytest.approx(example["kw"], rel=0, abs=example["tolerance_kw"])


def test_steps_follow_the_history_without_gaps_and_carry_their_intervals():
    spec = a_spec(mean=100.0, std=10.0)
    history = regular_series(MONDAY, np.ones(spec.window), resolution_s=900)
    answer = forecast(np.linspace(90, 110, spec.horizon), history, spec)
    assert answer.data_from == MONDAY
    assert answer.data_until == MONDAY + spec.window * timedelta(minutes=15)
    assert answer.steps[0].valid_from == answer.data_until
    assert all(step.valid_to - step.valid_from == timedelta(minutes=15) for step in answer.steps)
    assert all(a.valid_to == b.valid_from for a, b in pairwise(answer.steps))
    assert (answer.steps[0].kw, answer.steps[-1].kw) == (90.0, 110.0)
    assert [(i.level, i.lower_kw, i.upper_kw) for i in answer.steps[0].intervals] == [
        (0.8, 85.0, 96.0),
        (0.95, 80.0, 102.0),
    ]


def test_loads_that_are_not_the_models_have_no_intervals():
    spec = a_spec()
    history = regular_series(MONDAY, np.ones(spec.window), resolution_s=900)
    steps = forecast(np.ones(spec.horizon), history, spec, is_models=False).steps
    assert [(step.kw, step.intervals) for step in steps] == [(1.0, ())] * spec.horizon


def test_times_go_on_evenly_in_utc_across_a_clock_change():
    spec = a_spec()
    start = datetime(2024, 10, 27, 0, 30, tzinfo=UTC) - spec.window * timedelta(minutes=15)
    history = regular_series(start, np.ones(spec.window), resolution_s=900)
    steps = forecast(np.zeros(spec.horizon), history, spec).steps
    assert [step.valid_from for step in steps] == [
        datetime(2024, 10, 27, 0, 30, tzinfo=UTC) + i * timedelta(minutes=15) for i in range(spec.horizon)
    ]


@pytest.mark.parametrize("output", [np.zeros(7), np.zeros((1, 8)), np.full(8, np.nan), np.full(8, np.inf)])
def test_an_output_that_is_no_forecast_is_refused(output):
    spec = a_spec()
    history = regular_series(MONDAY, np.ones(spec.window), resolution_s=900)
    with pytest.raises(ValueError, match="the model answered"):
        forecast(output, history, spec)
