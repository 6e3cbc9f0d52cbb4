"""Frames that are no load of quarter-hours are refused, and the error says what and where."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from wattgate.client.frames import series_of
from wattgate.errors import InvalidLoad

START = "2024-10-27 00:00"


def load(count=8, *, zone="UTC", freq="15min", start=START):
    return pd.Series(np.arange(count, dtype=float), pd.date_range(start, periods=count, freq=freq, tz=zone))


def series(frame, *, column=None, time_zone=None, may_have_gaps=False, step_s=900):
    return series_of(frame, step_s=step_s, column=column, time_zone=time_zone, may_have_gaps=may_have_gaps)


def test_a_series_and_a_frame_of_one_column_or_a_named_one_are_the_same():
    expected = series(load())
    assert expected.start == datetime(2024, 10, 27, tzinfo=UTC)
    assert expected.kw == [0, 1, 2, 3, 4, 5, 6, 7]
    frame = pd.DataFrame({"kW": load()})
    assert series(frame) == expected
    assert series(frame.assign(other=1.0), column="kW") == expected


def test_a_zone_that_is_named_places_times_without_one_through_the_doubled_hour():
    wall = load(16, zone="Europe/Berlin")  # 27 October has 25 hours
    naive = wall.tz_localize(None)
    assert naive.index.has_duplicates
    assert series(naive, time_zone="Europe/Berlin") == series(wall)


def test_missing_values_and_rows_are_gaps_where_they_are_allowed():
    gappy = load().drop(load().index[2])
    gappy.iloc[3] = np.nan
    assert series(gappy, may_have_gaps=True).kw == [0, 1, None, 3, None, 5, 6, 7]
    with pytest.raises(InvalidLoad, match=r"2 values are missing, the first at 2024-10-27 00:30:00\+00:00"):
        series(gappy)


def test_integers_and_pandas_own_missing_value_are_taken():
    values = load().astype("Int64")
    values.iloc[1] = pd.NA
    assert series(values, may_have_gaps=True).kw[:3] == [0, None, 2]


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        ([1.0], {}, "give a pandas DataFrame or Series"),
        (load(0), {}, "empty"),
        (load(zone=None), {}, "no time zone: say which"),
        (load(zone=None), {"time_zone": "Mars"}, "not one of Mars"),
        (load(4, zone=None, start="2024-03-31 02:00"), {"time_zone": "Europe/Berlin"}, "2024-03-31 02:00"),
        (load(4, zone=None, start="2024-10-27 02:00"), {"time_zone": "Europe/Berlin"}, "2024-10-27 02:00"),
        (load(), {"time_zone": "Europe/Berlin"}, "has the time zone UTC"),
        (load()[::-1], {}, "Row 2, 2024-10-27 01:30.*sort the frame"),
        (pd.concat([load(), load(1)]).sort_index(), {}, "00:00:00.* is there twice"),
        (load(freq="1h"), {}, "60 min long, those of the model 15 min"),
        (load(freq="5min"), {}, "5 min long"),
        (load(), {"step_s": 1800}, "15 min long, those of the model 30 min"),
        (load(8).rename({load().index[7]: pd.Timestamp("2024-10-27 01:52", tz="UTC")}), {}, "01:52:00"),
        (load().reset_index(drop=True), {}, "RangeIndex"),
        (pd.DataFrame({"a": load(), "b": load()}), {}, "several columns.*'a', 'b'"),
        (pd.DataFrame({"a": load()}), {"column": "b"}, "no one column 'b'.*'a'"),
        (load().rename("a"), {"column": "b"}, "named 'a'"),
        (load().astype(str).replace("1.0", "one"), {}, "no numbers.*one"),
        (load().replace(3.0, np.inf), {}, "00:45:00.* is infinite"),
        (load(2).rename({load().index[1]: pd.NaT}), {}, "Row 2 has no time"),
    ],
)  # fmt: skip
def test_what_is_no_load_is_refused_in_words(frame, options, says):
    with pytest.raises(InvalidLoad, match=says):
        series(frame, **options)
