"""What is said of a window: meters that stand still or are out of range, and when the model is not asked."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import regular_series
from pipelines.preprocessing.window import STRICT, Tolerance, window_of
from pipelines.spec import Observed
from tests.data import MONDAY, csv_of, frozen_kw, plausible_kw, quarter_hours
from tests.specs import a_spec

UNKNOWN = a_spec()
OBSERVED = Observed(min_kw=50.0, max_kw=250.0, longest_flat_steps=30)
KNOWN = a_spec(training=UNKNOWN.training.model_copy(update={"observed": OBSERVED}))
FALLBACK = Tolerance(fallback=True)


def window(kw, spec=KNOWN, tolerance=STRICT):
    series = regular_series(MONDAY, np.array(kw, dtype=float), resolution_s=900, may_miss=tolerance.of_gaps)
    return window_of(series, spec, tolerance)


def told(kw, spec=KNOWN, tolerance=STRICT):
    return [(warning.rule, warning.row) for warning in window(kw, spec, tolerance).warnings]


def with_values(values, *, at, count=672):
    kw = plausible_kw(count)
    kw[at : at + len(values)] = values
    return kw


def test_of_a_plausible_load_nothing_is_said():
    for spec in (KNOWN, UNKNOWN):
        assert window(plausible_kw(700), spec).warnings == ()


@pytest.mark.parametrize(
    ("spec", "value", "count", "is_told"),
    [
        (UNKNOWN, 99.5, 24, False),
        (UNKNOWN, 99.5, 25, True),
        (UNKNOWN, 0.0, 25, False),  # a night without feed-in
        (UNKNOWN, 0.0, 96, False),
        (UNKNOWN, 0.0, 97, True),
        (KNOWN, 99.5, 30, False),  # as in the training data
        (KNOWN, 99.5, 31, True),
    ],
)
@pytest.mark.parametrize("at", [0, 300])
def test_identical_values_are_told_where_there_are_more_than_usual(spec, value, count, is_told, at):
    assert told(with_values([value] * count, at=at), spec) == [("flat", at + 1)] * is_told


def test_zeros_are_flat_where_the_training_data_had_no_such_run():
    spec = a_spec(
        training=UNKNOWN.training.model_copy(
            update={"observed": Observed(min_kw=-1, max_kw=250, longest_flat_steps=4)}
        )
    )
    assert told(with_values([0.0] * 40, at=100), spec) == [("flat", 101)]


def test_a_flat_run_is_told_in_words():
    (warning,) = window(with_values([99.5] * 31, at=300)).warnings
    assert warning.message == (
        "31 values from 2024-06-06 03:00+00:00 on are all 99.5 kW; in the training data 30 were at most"
    )


def test_rows_and_lines_are_those_of_the_file():
    kw = with_values([99.5] * 40, at=300, count=700)
    series = read_meter_file(csv_of(quarter_hours(700), kw), zone=ZoneInfo("UTC"))
    (warning,) = window_of(series, KNOWN).warnings
    assert (warning.row, warning.line) == (301, 302)


def test_of_a_run_that_began_before_the_window_the_part_in_it_is_told():
    kw = with_values([99.5] * 60, at=0, count=700)
    (warning,) = window(kw).warnings
    assert warning.row == 29
    assert warning.message.startswith("32 values from 2024-06-03 07:00+00:00 on")


def test_filled_values_make_no_flat_run_and_hide_none():
    kw = with_values([99.5] * 40, at=300)
    kw[310:322] = [float("nan")] * 12  # 28 measured
    assert told(kw, tolerance=Tolerance(max_gap_steps=12)) == []
    kw = with_values([99.5] * 40, at=300)
    kw[315] = float("nan")  # 39 measured
    assert told(kw, tolerance=Tolerance(max_gap_steps=1)) == [("flat", 301)]


def test_values_out_of_range_are_told_run_by_run():
    kw = with_values([260.0, 300.0, 251.0], at=10)
    kw[500] = 49.0
    high, low = window(kw).warnings
    assert (high.rule, high.row, low.row) == ("range", 11, 501)
    assert high.message == (
        "3 values from 2024-06-03 02:30+00:00 on are outside the range of the training data, 50 to 250 kW, "
        "the farthest 300 kW"
    )
    assert low.message == (
        "the value of 2024-06-08 05:00+00:00 is outside the range of the training data, 50 to 250 kW: 49 kW"
    )
    assert told(kw, UNKNOWN) == []


@pytest.mark.parametrize("value", [50.0, 250.0])
def test_the_range_has_both_its_ends(value):
    assert told(with_values([value], at=10)) == []


def test_twenty_are_told_flat_runs_first():
    kw = np.array(plausible_kw(672))
    kw[:200:4] = 260
    kw[300:340] = 99.5
    warnings = window(kw).warnings
    assert len(warnings) == 20
    assert [warning.rule for warning in warnings[:2]] == ["flat", "range"]


def test_without_a_fallback_the_model_is_asked_for_the_window_as_it_is():
    kw = frozen_kw(672)
    asked = window(kw)
    assert asked.fault is None
    assert asked.load.kw.tolist() == kw


def test_a_frozen_meter_is_at_fault_and_what_it_says_is_not_relied_on():
    fallen = window(frozen_kw(672, frozen=40), tolerance=FALLBACK)
    assert (fallen.fault.rule, fallen.fault.row) == ("flat", 633)
    assert np.flatnonzero(np.isnan(fallen.load.kw)).tolist() == list(range(632, 672))
    assert fallen.warnings == (fallen.fault,)


def test_a_meter_that_stood_still_and_is_well_again_is_not():
    stood_still = window(with_values([99.5] * 40, at=300), tolerance=FALLBACK)
    assert stood_still.fault is None
    assert not np.isnan(stood_still.load.kw).any()
    assert [warning.rule for warning in stood_still.warnings] == ["flat"]


@pytest.mark.parametrize(
    ("value", "is_fault"), [(450.0, False), (450.1, True), (-150.0, False), (-150.1, True), (1e9, True)]
)
def test_values_further_out_than_the_range_is_wide_are_at_fault(value, is_fault):
    far = window(with_values([value], at=100), tolerance=FALLBACK)
    assert (far.fault is not None) == is_fault
    assert np.isnan(far.load.kw[100]) == is_fault
    assert [warning.rule for warning in far.warnings] == ["range"]


def test_what_was_filled_from_a_value_at_fault_is_not_relied_on_either():
    kw = with_values([1e6, float("nan"), float("nan")], at=4)
    kw[100] = float("nan")
    fallen = window(kw, tolerance=Tolerance(max_gap_steps=4, fallback=True))
    assert fallen.fault.rule == "range"
    assert np.flatnonzero(np.isnan(fallen.load.kw)).tolist() == [4, 5, 6]


def test_a_gap_that_is_not_filled_is_a_fault_where_a_fallback_is_allowed_else_an_error():
    kw = with_values([float("nan")] * 5, at=100)
    kw[200] = float("nan")
    with pytest.raises(InvalidSeriesError, match="5 values missing; at most 4 are filled"):
        window(kw, tolerance=Tolerance(max_gap_steps=4))
    fallen = window(kw, tolerance=Tolerance(max_gap_steps=4, fallback=True))
    assert (fallen.fault.rule, fallen.fault.row) == ("gap", 101)
    assert [repair.steps for repair in fallen.repaired] == [1]
    assert fallen.warnings == ()


def test_a_gap_comes_before_other_faults():
    kw = frozen_kw(672)
    kw[100] = float("nan")
    kw[50] = 1e6
    fallen = window(kw, tolerance=FALLBACK)
    assert fallen.fault.rule == "gap"
    assert [warning.rule for warning in fallen.warnings] == ["flat", "range"]
    assert np.isnan(fallen.load.kw[[50, 100, 671]]).all()


@pytest.mark.parametrize("tolerance", [STRICT, Tolerance(max_gap_steps=96), FALLBACK])
def test_what_is_no_meter_fault_is_an_error_under_every_tolerance(tolerance):
    with pytest.raises(InvalidSeriesError, match="672 rows are needed"):
        window(plausible_kw(671), tolerance=tolerance)


def test_a_series_of_nothing_is_a_fault_without_any_warning():
    nothing = window([float("nan")] * 672, tolerance=FALLBACK)
    assert nothing.fault.rule == "gap"
    assert nothing.warnings == ()
