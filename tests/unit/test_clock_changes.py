"""From a file of local times to the times of a forecast, wherever a clock change falls."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.postprocessing import forecast
from pipelines.preprocessing.meter_file import Declared, read_meter_file
from pipelines.preprocessing.window import window_of
from tests.data import csv_of, plausible_kw
from tests.specs import a_spec

CHANGES = {
    "spring": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC),
}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("labels", ["start", "end"])
@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(before=st.integers(-12, 684))
def test_forecasts_are_a_step_apart_in_utc(change, minutes, labels, before):
    """The change falls anywhere in the window, in the forecast, or just before or after them."""
    step = timedelta(minutes=minutes)
    times = [change + (i - before) * step for i in range(672)]
    shown = [(time + step * (labels == "end")).astimezone(BERLIN) for time in times]
    spec = a_spec(resolution_s=step.seconds)
    series = read_meter_file(csv_of(shown, plausible_kw(672)), zone=BERLIN, declared=Declared(labels=labels))
    answer = forecast(np.full(8, 160.0), window_of(series, spec).load, spec)
    starts = [each.valid_from for each in answer.steps]
    assert starts[0] == times[-1] + step
    assert all(later - earlier == step for earlier, later in pairwise(starts))
    assert all(start.utcoffset() == timedelta(0) for start in starts)
