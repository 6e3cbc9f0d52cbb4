"""pandas in and out, over both edges."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.data import MONDAY, SAMPLE, plausible_kw, week_file
from wattgate.errors import InvalidLoad, Refused

COLUMNS = ["kw", "lower_80_kw", "upper_80_kw", "lower_95_kw", "upper_95_kw"]


@pytest.fixture
def load():
    index = pd.date_range(MONDAY, periods=672, freq="15min")
    return pd.Series(plausible_kw(672), index, name="load")


def test_a_frame_is_answered_by_a_frame_of_the_same_figures_as_the_file(client, load):
    frame = client.forecast(load, "gru")
    forecast = client.forecast_file(week_file(), "gru", time_zone="UTC")
    assert list(frame.columns) == COLUMNS
    assert list(frame.itertuples(index=False, name=None)) == list(forecast.rows())
    assert frame.index.name == "valid_from"
    assert list(frame.index) == [step.valid_from for step in forecast.steps]
    assert str(frame.index.tz) == "Europe/Berlin"
    assert frame.attrs == {
        "model": "gru",
        "model_version": 1,
        "warnings": (),
        "repaired": (),
        "fallback_reason": None,
    }
    pd.testing.assert_frame_equal(frame, forecast.to_frame())


def test_the_default_model_a_column_and_a_zone_are_taken(client, load):
    wide = load.to_frame().assign(temperature=20.0)
    wide.index = wide.index.tz_convert("Europe/Berlin").tz_localize(None)
    frame = client.forecast(wide, column="load", time_zone="Europe/Berlin")
    assert frame.attrs["model"] == "cnn"
    pd.testing.assert_frame_equal(frame, client.forecast(load, "cnn"))


def test_missing_values_are_filled_where_that_is_allowed(client, load):
    gappy = load.drop(load.index[600])
    gappy.iloc[600] = np.nan
    frame = client.forecast(gappy, "gru", gaps="linear")
    (repair,) = frame.attrs["repaired"]
    assert (repair.since, repair.steps) == (load.index[600], 2)
    with pytest.raises(Refused, match="at most 1 are filled"):
        client.forecast(gappy, "gru", gaps="linear", max_gap_steps=1)
    with pytest.raises(InvalidLoad, match="2 values are missing"):
        client.forecast(gappy, "gru")


def test_a_meter_at_fault_falls_back_and_says_why(client, load):
    load.iloc[-40:] = load.iloc[-40]
    frame = client.forecast(load, "gru", fallback="seasonal_naive")
    assert list(frame.columns) == ["kw"]
    assert list(frame["kw"]) == list(load.iloc[:8])
    assert frame.attrs["fallback_reason"].startswith("flat")
    assert [warning.rule for warning in frame.attrs["warnings"]] == ["flat"]


def test_steps_of_another_length_than_the_models_are_refused(client, load):
    with pytest.raises(InvalidLoad, match="60 min long, those of the model 15 min"):
        client.forecast(load.resample("1h").mean(), "gru")


def test_a_forecast_of_a_file_loads_neither_pandas_nor_numpy_nor_tensorflow(running, kind):
    demo = running.demo
    program = f"""
import sys
from tests.integration.client.kinds import client_of
with client_of({kind!r}, {demo!r}) as client:
    forecast = client.forecast_file({str(SAMPLE)!r})
print(len(forecast.steps), [m for m in ("tensorflow", "numpy", "pandas") if m in sys.modules])
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "8 []\n"


def test_without_pandas_it_is_said_what_to_install(running):
    program = f"""
import sys
sys.modules["pandas"] = None  # as if it were not there
from tests.integration.client.kinds import client_of
from wattgate.errors import MissingPackage
with client_of("https", {running.demo!r}) as client:
    for work in (client.forecast_file({str(SAMPLE)!r}).to_frame, lambda: client.forecast(None)):
        try:
            work()
        except MissingPackage as error:
            print(error)
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True).splitlines()
    assert said == ["Frames need pandas: pip install 'wattgate[pandas]'"] * 2
