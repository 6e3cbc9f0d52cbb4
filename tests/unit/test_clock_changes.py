"""From a file of local times to the times of a forecast, wherever a clock change falls."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.postprocessing import forecast
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.window import window_of
from tests.data import csv_of, plausible_kw, quarter_hours
from tests.specs import a_spec

CHANGES = {
    "spring": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "autumn": datetime(2026, 10, 25, 1, tzinfo=UTC),
}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(before=st.integers(-12, 684))
def test_forecasts_are_a_quarter_hour_apart_in_utc(change, before):
    """The change falls anywhere in the window, in the forecast, or just before or after them."""
    times = quarter_hours(672, start=change - before * timedelta(minutes=15))
    content = csv_of([time.astimezone(BERLIN) for time in times], plausible_kw(672))
    spec = a_spec()
    window = window_of(read_meter_file(content, zone=BERLIN), spec)
    answer = forecast(np.full(8, 160.0), window.load, spec)
    starts = [step.valid_from for step in answer.steps]
    assert starts[0] == times[-1] + timedelta(minutes=15)
    assert all(later - earlier == timedelta(minutes=15) for earlier, later in pairwise(starts))
    assert all(start.utcoffset() == timedelta(0) for start in starts)
