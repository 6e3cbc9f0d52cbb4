"""The columns a model may have: each told by a wall clock, the same for training and serving."""

import math
from calendar import isleap
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.preprocessing.calendar import COLUMNS, CalendarName
from pipelines.preprocessing.features import known_input, raw_features
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import Feature
from tests.specs import a_spec

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"]


def by_hand(time: datetime) -> dict[str, float]:
    """All columns of a local time, from what a calendar on the wall says of it."""
    day = (time.hour * 3600 + time.minute * 60) / 86_400
    week = (time.weekday() + day) / 7
    year = (time.timetuple().tm_yday - 1 + day) / (366 if isleap(time.year) else 365)
    found = {"is_weekend": float(time.strftime("%a") in {"Sat", "Sun"})}
    for name, phase in (("day", day), ("week", week), ("year", year)):
        found[f"{name}_phase"] = phase
        found[f"{name}_sin"] = math.sin(2 * math.pi * phase)
        found[f"{name}_cos"] = math.cos(2 * math.pi * phase)
    return found


def test_every_name_has_its_column():
    assert set(COLUMNS) == set(get_args(CalendarName))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    minutes=st.integers(0, 2**25 - 1),
    zone=st.sampled_from(ZONES),
    names=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True),
)
def test_a_column_is_what_the_wall_clock_says(minutes, zone, names):
    time_s = 946_684_800 + 60 * minutes  # from 2000 on, to 2063
    local = datetime.fromtimestamp(time_s, UTC).astimezone(ZoneInfo(zone))
    series = LoadSeries(np.array([time_s]), np.array([1.0]))
    expected = by_hand(local)
    found = raw_features(series, names, ZoneInfo(zone))[0]
    assert found == pytest.approx([expected[name] for name in names], abs=1e-9)


@pytest.mark.parametrize(
    ("time", "is_weekend"),
    [
        (datetime(2024, 6, 7, 23, 45, tzinfo=UTC), False),
        (datetime(2024, 6, 8, 0, 0, tzinfo=UTC), True),
        (datetime(2024, 6, 9, 23, 45, tzinfo=UTC), True),
        (datetime(2024, 6, 10, 0, 0, tzinfo=UTC), False),
    ],
)
def test_the_weekend_begins_and_ends_at_midnight(time, is_weekend):
    series = LoadSeries(np.array([int(time.timestamp())]), np.array([1.0]))
    assert raw_features(series, ["is_weekend"], ZoneInfo("UTC"))[0, 0] == is_weekend


def test_a_model_may_have_the_load_alone_and_in_any_place():
    alone = a_spec(features=(Feature(name="load", mean=100, std=30),))
    assert known_input(alone).shape == (1, 672, 1)
    assert known_input(alone)[0, :, 0] == pytest.approx([2.0] * 672)  # 160 kW
    last = a_spec(features=(Feature(name="day_phase"), Feature(name="load", mean=100, std=30)))
    assert known_input(last)[0, :, 1] == pytest.approx([2.0] * 672)
    assert known_input(last)[0, :4, 0] == pytest.approx([2 / 24, 2.25 / 24, 2.5 / 24, 2.75 / 24])
