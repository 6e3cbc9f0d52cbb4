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


def test_a_log_that_starts_in_the_doubled_hour_and_passes_it_once_starts_after_the_change():
    zone = ZoneInfo("Europe/Berlin")
    utc_s = np.arange(
        datetime(2024, 10, 27, 1, tzinfo=UTC).timestamp(),
        datetime(2024, 10, 27, 4, tzinfo=UTC).timestamp(),
        900,
    ).astype(np.int64)
    assert (to_utc(to_local(utc_s, zone), zone)[0] == utc_s).all()
