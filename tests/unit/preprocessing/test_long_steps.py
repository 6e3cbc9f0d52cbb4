"""Steps that are no quarter-hours: where they begin, which gaps are filled, what stands still."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import regular_series
from pipelines.preprocessing.wall_clock import grid_s
from pipelines.preprocessing.window import STRICT, Tolerance, window_of
from pipelines.preprocessing.windows import whole_windows
from pipelines.spec import KnownRequest
from services.gateway.predict import EvenSeries, read_series
from tests.data import MONDAY, csv_of
from tests.specs import a_spec

KOLKATA = ZoneInfo("Asia/Kolkata")


def spec_of(hours: int, *, zone="UTC", window=48):
    start = MONDAY + timedelta(seconds=grid_s(zone, hours * 3600))
    known = KnownRequest(start=start, history_kw=(1.0,) * window, forecast_kw=(1.0,) * 8)
    return a_spec(window=window, resolution_s=hours * 3600, time_zone=zone, known_request=known)


def file(spec, zone, *, start=datetime(2024, 6, 3), count=48, kw=None):
    times = [start + i * timedelta(seconds=spec.resolution_s) for i in range(count)]
    return read_meter_file(csv_of(times, kw or [*range(count)]), zone=zone)


def refused(series, spec, tolerance=STRICT):
    with pytest.raises(InvalidSeriesError) as error:
        window_of(series, spec, tolerance)
    return error.value.violations[0]


@pytest.mark.parametrize(
    ("zone", "hours", "seconds"),
    [
        ("UTC", 1, 0),
        ("Europe/Berlin", 1, 0),
        ("Asia/Kolkata", 1, 1800),
        ("Asia/Kathmandu", 1, 900),
        ("America/St_Johns", 1, 1800),
        ("Etc/GMT-1", 6, 5 * 3600),
        ("Asia/Kolkata", 24, 66_600),
    ],
)
def test_steps_are_counted_from_the_zones_midnight(zone, hours, seconds):
    assert grid_s(zone, hours * 3600) == seconds


def test_quarter_hours_begin_on_the_quarter_everywhere():
    assert {grid_s(zone, 900) for zone in ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")} == {0}


def test_hours_by_a_clock_that_is_half_an_hour_off_are_whole():
    spec = spec_of(1, zone="Asia/Kolkata")
    window = window_of(file(spec, KOLKATA), spec)
    assert window.load.time_text(0) == "2024-06-03 00:00+05:30"
    fault = refused(file(spec, ZoneInfo("UTC")), spec)
    assert fault.rule == "grid"
    assert (
        "2024-06-03 00:00+00:00 is not on a step of 60 minutes, counted from 30 minutes after"
        in fault.message
    )


def test_a_series_begins_on_a_step_of_that_clock():
    kw = np.ones(48)
    start = datetime(2024, 6, 3, tzinfo=KOLKATA)
    assert regular_series(start, kw, resolution_s=3600, grid_s=1800).times_s[0] == start.timestamp()
    with pytest.raises(InvalidSeriesError, match="counted from 30 minutes after midnight UTC"):
        regular_series(MONDAY, kw, resolution_s=3600, grid_s=1800)


def test_gaps_are_filled_on_the_steps_of_that_clock():
    spec = spec_of(1, zone="Asia/Kolkata")
    whole, kept = file(spec, KOLKATA), np.delete(np.arange(48), 20)
    gappy = replace(whole, times_s=whole.times_s[kept], kw=whole.kw[kept], lines=None)
    window = window_of(gappy, spec, Tolerance(max_gap_steps=None))
    assert window.load.kw.tolist() == [*range(48)]
    assert window.repaired[0].steps == 1


def test_a_backtest_goes_by_the_steps_of_that_clock():
    spec = spec_of(1, zone="Asia/Kolkata")
    assert whole_windows(file(spec, KOLKATA, count=60), spec).size == 60 - 48 - 8 + 1


def test_a_series_that_a_caller_sends_goes_by_them_too():
    spec = spec_of(1, zone="Asia/Kolkata")
    start = datetime(2024, 6, 3, tzinfo=KOLKATA)
    assert read_series(EvenSeries(start, np.ones(48)), spec).times_s[0] == start.timestamp()


def test_days_are_those_of_a_zone_that_keeps_its_clock():
    spec = spec_of(24, zone="Asia/Kolkata", window=14)
    assert spec.resolution == "P1D"
    window = window_of(file(spec, KOLKATA, count=14), spec)
    assert window.load.time_text(13) == "2024-06-16 00:00+05:30"


def test_by_itself_a_gap_of_an_hour_is_filled_and_no_longer_one():
    filling = Tolerance(max_gap_steps=None)
    for hours, filled in ((1, 1), (6, 1)):
        spec = spec_of(hours)
        whole = file(spec, ZoneInfo("UTC"))
        for missing in (1, 2):
            kept = np.delete(np.arange(48), np.arange(20, 20 + missing))
            gappy = type(whole)(whole.times_s[kept], whole.kw[kept])
            if missing <= filled:
                window = window_of(gappy, spec, filling)
                assert window.load.kw.tolist() == [*range(48)]
                assert [repair.steps for repair in window.repaired] == [missing]
            else:
                assert f"at most {filled} are filled" in refused(gappy, spec, filling).message


def test_a_quarter_hour_model_still_fills_four_by_itself():
    kw = [float(value) for value in range(672)]
    kw[300:304] = [float("nan")] * 4
    series = regular_series(MONDAY, np.array(kw), resolution_s=900, may_miss=True)
    assert window_of(series, a_spec(), Tolerance(max_gap_steps=None)).repaired[0].steps == 4


@pytest.mark.parametrize(
    ("hours", "same", "is_told"),
    [(1, 6, False), (1, 7, True), (6, 4, False), (6, 5, True), (24, 4, False), (24, 5, True)],
)
def test_what_stands_still_is_told_after_six_hours_and_some_steps(hours, same, is_told):
    spec = spec_of(hours)
    kw = [float(value) for value in range(48)]
    kw[10 : 10 + same] = [99.0] * same
    warnings = window_of(regular_series(MONDAY, np.array(kw), resolution_s=hours * 3600), spec).warnings
    assert [warning.rule for warning in warnings] == ["flat"] * is_told


def test_a_file_of_quarter_hours_is_not_taken_for_hours():
    spec = spec_of(1)
    times = [datetime(2024, 6, 3, tzinfo=UTC) + i * timedelta(minutes=15) for i in range(200)]
    fault = refused(read_meter_file(csv_of(times, range(200)), zone=ZoneInfo("UTC")), spec)
    assert (fault.rule, fault.message) == (
        "step",
        "the rows are 15 minutes apart, the model takes 60 minutes",
    )
