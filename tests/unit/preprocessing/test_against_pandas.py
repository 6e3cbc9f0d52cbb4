"""Whatever file is read, pandas reads the same times and powers from it."""

import io
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.preprocessing.meter_file import read_meter_file
from tests.data import BERLIN, csv_of

# Both clock changes of 2024, a leap day, a turn of the year, and a plain day in summer.
STARTS = [
    datetime(2024, 3, 30, 20, tzinfo=UTC),
    datetime(2024, 10, 26, 20, tzinfo=UTC),
    datetime(2024, 2, 28, 12, tzinfo=UTC),
    datetime(2023, 12, 31, 12, tzinfo=UTC),
    datetime(2024, 6, 3, 0, tzinfo=UTC),
]
FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M"]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("start", STARTS, ids=str)
def test_a_file_read_here_and_by_pandas_is_the_same_series(start, seed):
    dice = random.Random(seed)
    count = dice.randrange(30, 120)
    times = [(start + i * timedelta(minutes=15)).astimezone(BERLIN) for i in range(count)]
    kw = [round(dice.uniform(-500, 5000), dice.randrange(5)) for _ in range(count)]
    time_format = dice.choice(FORMATS)
    separator, mark = dice.choice([(",", "."), (";", "."), (";", ",")])
    content = csv_of(
        times,
        kw,
        header=f"Datum{separator}Wert (kW)",
        time_format=time_format,
        separator=separator,
        mark=mark,
    )

    frame = pd.read_csv(io.BytesIO(content), sep=separator, decimal=mark)
    naive = pd.DatetimeIndex(pd.to_datetime(frame["Datum"], format=time_format))
    first_of_two = naive.duplicated(keep="last") | ~naive.duplicated(keep=False)
    expected = naive.tz_localize(BERLIN, ambiguous=first_of_two).tz_convert("UTC")

    series = read_meter_file(content, zone=BERLIN)
    assert (series.times_s == expected.as_unit("s").asi8).all()
    assert np.array_equal(series.kw, frame["Wert (kW)"].to_numpy(dtype=float))
