"""Of a history the last window counts, and it has no gap."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import last_window, regular_series
from tests.data import BERLIN, MONDAY, SHARED_DATA, csv_of, plausible_kw, quarter_hours, substation_lines

needs_real_data = pytest.mark.skipif(
    not SHARED_DATA.exists(), reason="real measurements are not beside this checkout"
)


def series(count):
    return regular_series(MONDAY, np.array(plausible_kw(count)), resolution_s=900)


def windowed(history, window=8):
    return last_window(history, window=window, resolution_s=900, grid_s=0)


def refused(history, window=8):
    with pytest.raises(InvalidSeriesError) as caught:
        windowed(history, window)
    return caught.value


def without(history, *indices):
    return replace(history, times_s=np.delete(history.times_s, indices), kw=np.delete(history.kw, indices))


def test_of_a_longer_history_the_newest_steps_are_used():
    window = windowed(series(20))
    assert window.kw.tolist() == plausible_kw(20)[-8:]
    assert window.times_s[-1] == series(20).times_s[-1]


def test_a_history_one_step_short_is_refused_with_both_numbers():
    assert "8 rows are needed (the last 2 hours), there are 7" in str(refused(series(7)))


def test_a_gap_in_the_window_is_named_by_the_row_after_it():
    error = refused(without(series(20), 15))
    assert error.violations[0].rule == "gap"
    assert "row 16" in str(error)
    assert "2024-06-03 04:00+00:00 comes 30 minutes after 2024-06-03 03:30+00:00: 1 value missing" in str(
        error
    )


def test_a_gap_before_the_window_does_not_matter():
    assert windowed(without(series(20), 11)).kw.tolist() == plausible_kw(20)[-8:]


@pytest.mark.parametrize(("minutes", "says"), [(60, "60 minutes"), (10, "10 minutes"), (1440, "1 day")])
def test_steps_that_are_not_the_models_are_refused(minutes, says):
    other = read_meter_file(
        csv_of([MONDAY + i * timedelta(minutes=minutes) for i in range(8)], range(8)), zone=BERLIN
    )
    error = refused(other)
    assert error.violations[0].rule == "step"
    assert f"the rows are {says} apart, the model takes 15 minutes" in str(error)


def test_times_off_the_quarter_hour_are_named():
    late = read_meter_file(
        csv_of([t + timedelta(minutes=1) for t in quarter_hours(8)], range(8)), zone=BERLIN
    )
    error = refused(late)
    assert [violation.rule for violation in error.violations] == ["grid"] * 8
    assert "row 1 (line 2)" in str(error)


@pytest.mark.parametrize(
    ("start", "kw", "rule"),
    [
        (MONDAY.replace(tzinfo=None), [1.0], "time"),
        (MONDAY + timedelta(minutes=1), [1.0], "grid"),
        (MONDAY, [], "length"),
        (datetime(1969, 1, 1, tzinfo=MONDAY.tzinfo), [1.0], "time"),
        (MONDAY, [1.0, float("nan")], "gap"),
        (MONDAY, [1.0, float("inf")], "value"),
    ],
)
def test_an_even_series_keeps_the_same_rules(start, kw, rule):
    with pytest.raises(InvalidSeriesError) as caught:
        regular_series(start, np.array(kw), resolution_s=900)
    assert caught.value.violations[0].rule == rule


def test_values_are_missing_from_an_even_series_only_where_some_may():
    kw = np.array([1.0, float("nan"), 3.0])
    assert np.isnan(regular_series(MONDAY, kw, resolution_s=900, may_miss=True).kw[1])
    with pytest.raises(InvalidSeriesError, match="row 2, column kw: no value"):
        regular_series(MONDAY, kw, resolution_s=900)
    with pytest.raises(InvalidSeriesError, match="row 3, column kw: inf is not a power"):
        regular_series(MONDAY, np.append(kw[:2], np.inf), resolution_s=900, may_miss=True)


@needs_real_data
def test_real_measurements_are_refused_with_the_row_of_the_gap_and_taken_where_there_is_none():
    lines = substation_lines()

    def read(end):
        return read_meter_file("\n".join(lines[:end]).encode(), zone=ZoneInfo("UTC"))

    whole = read(None)
    gaps = np.flatnonzero(np.diff(whole.times_s) != 900) + 2  # row after the gap, from 1
    assert gaps.size == 2
    error = refused(whole, window=672)
    assert [violation.row for violation in error.violations] == [
        row for row in gaps.tolist() if row > whole.kw.size - 672 + 1
    ]
    assert windowed(read(int(gaps[0])), window=672).kw.size == 672
