"""Short gaps are filled along straight lines, longer ones named; nothing else of a history changes."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.gaps import Repair, mended_window
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import last_window, regular_series
from tests.data import (
    BERLIN,
    MONDAY,
    QUARTER,
    SHARED_DATA,
    csv_of,
    plausible_kw,
    quarter_hours,
    substation_lines,
)

KW = np.array(plausible_kw(40))

needs_real_data = pytest.mark.skipif(
    not SHARED_DATA.exists(), reason="real measurements are not beside this checkout"
)


def series(kw=KW):
    return regular_series(MONDAY, np.array(kw, dtype=float), resolution_s=900, may_miss=True)


def without(history, *indices):
    """As a file with rows left out."""
    return replace(history, times_s=np.delete(history.times_s, indices), kw=np.delete(history.kw, indices))


def nulled(history, *indices):
    """As a series with values left out."""
    kw = history.kw.copy()
    kw[list(indices)] = np.nan
    return replace(history, kw=kw)


def mended(history, *, window=20, max_steps=4):
    return mended_window(history, window=window, resolution_s=900, grid_s=0, max_steps=max_steps)


def refused(history, **options):
    with pytest.raises(InvalidSeriesError) as caught:
        mended(history, **options)
    return caught.value


either_way = pytest.mark.parametrize("leave_out", [without, nulled])


@either_way
def test_a_gap_is_filled_from_the_value_before_to_the_value_after(leave_out):
    window = mended(leave_out(series(np.arange(40.0) ** 2), 30, 31))
    assert window.load.kw[8:14].tolist() == pytest.approx([28**2, 29**2, 902, 963, 32**2, 33**2])
    assert window.load.times_s.tolist() == series().times_s[-20:].tolist()
    assert window.repaired == (Repair(MONDAY + 30 * QUARTER, MONDAY + 32 * QUARTER, 2),)
    assert window.unfilled is None
    assert np.flatnonzero(np.isnan(window.measured.kw)).tolist() == [10, 11]


@pytest.mark.parametrize("seed", range(30))
@either_way
def test_whatever_is_missing_comes_back_between_its_neighbours_and_the_rest_stays(leave_out, seed):
    dice = np.random.default_rng(seed)
    missing = np.flatnonzero(dice.random(38) < dice.uniform(0, 0.25)) + 1
    whole = series()
    window = mended(leave_out(whole, *missing), window=20, max_steps=40)
    kept = np.setdiff1d(np.arange(40), missing)
    in_window = kept[kept >= 20]
    # Filling, then taking what was filled out again, is the identity.
    assert window.load.kw[in_window - 20].tolist() == KW[in_window].tolist()
    for step in missing[missing >= 20]:
        before, after = kept[kept < step][-1], kept[kept > step][0]
        low, high = sorted((KW[before], KW[after]))
        assert low - 1e-9 <= window.load.kw[step - 20] <= high + 1e-9
    repaired = {
        time
        for repair in window.repaired
        for time in np.arange(repair.since.timestamp(), repair.until.timestamp(), 900)
    }
    assert repaired == {whole.times_s[step] for step in missing if step >= 20}
    assert sum(repair.steps for repair in window.repaired) == len(repaired)


@pytest.mark.parametrize("seed", range(10))
def test_a_series_with_nulls_is_a_file_without_the_rows(seed):
    dice = np.random.default_rng(seed)
    missing = dice.choice(np.arange(1, 39), 6, replace=False)
    assert _told(mended(nulled(series(), *missing))) == _told(mended(without(series(), *missing)))


def _told(window):
    gaps = window.unfilled and [fault.message for fault in window.unfilled.violations]
    return str(window.load.kw), window.load.times_s.tolist(), window.repaired, gaps


@either_way
def test_a_longer_gap_is_left_and_named_with_what_is_filled(leave_out):
    window = mended(leave_out(series(), 22, *range(30, 35)))
    assert np.flatnonzero(np.isnan(window.load.kw)).tolist() == [10, 11, 12, 13, 14]
    assert [repair.steps for repair in window.repaired] == [1]
    fault = window.unfilled.violations[0]
    assert fault.rule == "gap"
    assert fault.message == (
        "2024-06-03 08:45+00:00 comes 90 minutes after 2024-06-03 07:15+00:00: 5 values missing; "
        "at most 4 are filled"
    )


def test_a_gap_is_named_by_the_null_or_by_the_row_after_it():
    assert mended(nulled(series(), *range(30, 35))).unfilled.violations[0].row == 31
    times, kw = quarter_hours(40), plausible_kw(40)
    rows = [i for i in range(40) if not 30 <= i < 35]
    file = read_meter_file(csv_of([times[i] for i in rows], [kw[i] for i in rows]), zone=BERLIN)
    fault = mended(file).unfilled.violations[0]
    assert (fault.row, fault.line) == (31, 32)
    assert "+02:00" in fault.message


def test_without_filling_a_gap_is_told_in_the_words_it_always_had():
    history = without(series(), 30)
    with pytest.raises(InvalidSeriesError) as strict:
        last_window(history, window=20, resolution_s=900, grid_s=0)
    assert str(mended(history, max_steps=0).unfilled) == str(strict.value)


@either_way
def test_gaps_before_the_window_do_not_matter(leave_out):
    window = mended(leave_out(series(), *range(3, 20)))
    assert window.load.kw.tolist() == KW[20:].tolist()
    assert (window.repaired, window.unfilled) == ((), None)


@either_way
def test_a_gap_over_the_start_of_the_window_is_filled_from_before_it(leave_out):
    window = mended(leave_out(series(np.arange(40.0)), 17, 18, 19, 20))
    assert window.load.kw.tolist() == pytest.approx(np.arange(20.0, 40).tolist())
    # Only what is in the window is told.
    assert window.repaired == (Repair(MONDAY + 20 * QUARTER, MONDAY + 21 * QUARTER, 1),)
    longer = mended(leave_out(series(), 16, 17, 18, 19, 20))
    assert "5 values missing" in str(longer.unfilled)
    assert np.isnan(longer.load.kw[0])


def test_rows_that_are_few_are_enough_where_they_reach_back_far_enough():
    history = without(series(KW[:22]), 5, 6, 7)
    assert history.kw.size == 19
    assert mended(history).load.kw.size == 20
    assert "20 rows are needed (the last 5 hours), there are 19" in str(refused(series(KW[:19])))


@pytest.mark.parametrize(
    ("missing", "row", "says"),
    [
        (range(37, 40), 38, "3 values missing at the end: none comes after"),
        (range(23), 1, "23 values missing before the first, of 2024-06-03 05:45+00:00"),
        (range(40), 1, "40 values missing at the end"),
    ],
)
def test_a_gap_without_a_value_on_both_sides_is_not_filled(missing, row, says):
    window = mended(nulled(series(), *missing))
    fault = window.unfilled.violations[0]
    assert (fault.rule, fault.row) == ("gap", row)
    assert says in fault.message
    assert np.isnan(window.load.kw[[step - 20 for step in missing if step >= 20]]).all()


def test_what_is_no_gap_is_refused_under_every_policy():
    hourly = read_meter_file(csv_of([MONDAY + i * timedelta(hours=1) for i in range(40)], KW), zone=BERLIN)
    assert "the rows are 60 minutes apart" in str(refused(hourly, max_steps=96))
    times = quarter_hours(40)
    times[35] += timedelta(minutes=5)
    late = read_meter_file(csv_of(times, KW), zone=BERLIN)
    error = refused(late, max_steps=96)
    assert [(fault.rule, fault.row) for fault in error.violations] == [("grid", 36)]
    by_the_minute = [MONDAY + i * timedelta(minutes=1) for i in range(40)]
    assert refused(read_meter_file(csv_of(by_the_minute, KW), zone=BERLIN)).violations[0].rule == "step"


def test_many_long_gaps_are_counted_and_twenty_told():
    missing = [step for step in range(1, 399) if step % 5 in (1, 2)]
    window = mended(without(series(plausible_kw(400)), *missing), window=400, max_steps=1)
    assert len(window.unfilled.violations) == 20
    assert window.unfilled.count == 80


@needs_real_data
def test_the_holes_of_real_measurements_are_filled():
    history = read_meter_file("\n".join(substation_lines()).encode(), zone=ZoneInfo("UTC"))
    window = mended(history, window=672, max_steps=1)
    assert [repair.steps for repair in window.repaired] == [1, 1]
    assert window.load.is_even(900, 0)
    assert np.isin(history.times_s[-670:], window.load.times_s).all()
    assert not np.isnan(window.load.kw).any()


def test_a_history_without_a_gap_is_not_even_copied():
    history = series()
    window = mended(history)
    assert np.shares_memory(window.load.kw, history.kw)
    assert window.measured is window.load
