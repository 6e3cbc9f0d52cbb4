"""UTC and the wall clock of a zone, across both clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.preprocessing.wall_clock import to_local, to_utc

ZONES = (
    "Europe/Berlin",
    "UTC",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [1985, 2024, 2035])
def test_a_year_of_quarter_hours_goes_to_the_wall_clock_and_back(name, year):
    zone = ZoneInfo(name)
    utc_s = np.arange(
        datetime(year, 1, 1, tzinfo=UTC).timestamp(), datetime(year + 1, 1, 1, tzinfo=UTC).timestamp(), 900
    ).astype(np.int64)
    local_s = to_local(utc_s, zone)
    for i in range(0, utc_s.size, 97):
        shown = datetime.fromtimestamp(int(utc_s[i]), zone).replace(tzinfo=UTC)
        assert local_s[i] == shown.timestamp()
    back_s, skipped = to_utc(local_s, zone)
    assert not skipped.any()
    assert (back_s == utc_s).all()


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("as_set", [True, False])
def test_the_ends_of_a_years_quarter_hours_come_back_however_a_clock_change_is_written(name, as_set):
    zone = ZoneInfo(name)
    starts_s = np.arange(
        datetime(2024, 1, 1, tzinfo=UTC).timestamp(), datetime(2025, 1, 1, tzinfo=UTC).timestamp(), 900
    ).astype(np.int64)
    ends_s = starts_s + 900
    local_s = to_local(ends_s, zone) if as_set else to_local(starts_s, zone) + 900
    back_s, skipped = to_utc(local_s, zone, ends=True)
    assert not skipped.any()
    assert (back_s == ends_s).all()


@pytest.mark.parametrize(
    ("doubled_hour", "times"),
    [
        # Quarter-hours from 00:00 UTC, which is 02:00 in summer time; the clock changes after four of them.
        (
            "order",
            {"whole": [-2, -1, 0, 1, 2, 3, 8], "starts within": [4, 5, 6, 7, 8], "ends within": [-1, 0, 1]},
        ),
        (
            "first",
            {"whole": [-2, -1, 0, 1, 2, 3, 8], "starts within": [0, 1, 2, 3, 8], "ends within": [-1, 0, 1]},
        ),
        (
            "second",
            {"whole": [-2, -1, 4, 5, 6, 7, 8], "starts within": [4, 5, 6, 7, 8], "ends within": [-1, 4, 5]},
        ),
    ],
)
@pytest.mark.parametrize("ends", [False, True])
def test_which_of_two_hours_a_log_has_is_told_by_order_or_as_declared(doubled_hour, times, ends):
    two_s, shift_s = int(datetime(2024, 10, 27, 2, tzinfo=UTC).timestamp()), 900 * ends
    clock = {"whole": range(-2, 5), "starts within": range(5), "ends within": range(-1, 2)}
    for log, quarters in clock.items():
        local_s = two_s + 900 * np.array(quarters) + shift_s
        utc_s, skipped = to_utc(local_s, ZoneInfo("Europe/Berlin"), ends=ends, doubled_hour=doubled_hour)
        assert not skipped.any()
        assert ((utc_s - shift_s - (two_s - 7200)) // 900).tolist() == times[log], log


def test_a_log_that_starts_in_the_doubled_hour_and_passes_it_once_starts_after_the_change():
    zone = ZoneInfo("Europe/Berlin")
    utc_s = np.arange(
        datetime(2024, 10, 27, 1, tzinfo=UTC).timestamp(),
        datetime(2024, 10, 27, 4, tzinfo=UTC).timestamp(),
        900,
    ).astype(np.int64)
    assert (to_utc(to_local(utc_s, zone), zone)[0] == utc_s).all()
