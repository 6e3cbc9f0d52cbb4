from datetime import datetime

import numpy as np
import pytest

from pipelines.preprocessing.wall_clock import to_local
from pipelines.training.supermarket import START, ZONE, supermarket_load

YEAR = supermarket_load(days=366)
CLOCK = to_local(YEAR.times_s, ZONE).astype("datetime64[s]")
DAY = CLOCK.astype("datetime64[D]")
HOUR = (CLOCK - DAY).astype(int) / 3600
NOON = (HOUR >= 10) & (HOUR < 18)


def noon_kw(day: str) -> float:
    return float(YEAR.kw[(np.datetime64(day) == DAY) & NOON].mean())


def test_a_seed_gives_the_same_load_and_another_seed_another():
    again, other = supermarket_load(days=7), supermarket_load(days=7, seed=1)
    assert np.array_equal(again.kw, supermarket_load(days=7).kw)
    assert not np.array_equal(again.kw, other.kw)


def test_a_day_of_trade_draws_more_than_a_night_and_both_are_plausible():
    weekday = ~np.isin((DAY.astype(int) + 3) % 7, (6,))
    night = (HOUR < 4) | (HOUR >= 23)
    trade = YEAR.kw[weekday & NOON]
    assert 120 < np.median(trade) < 300
    assert 60 < np.median(YEAR.kw[night]) < 110
    assert YEAR.kw.min() >= 30
    assert YEAR.kw.max() < 350


@pytest.mark.parametrize(
    ("closed", "ordinary"),
    [
        ("2019-10-03", "2019-10-10"),  # German Unity Day
        ("2020-05-01", "2020-04-30"),  # Labour Day and the day before it
        ("2020-06-01", "2020-06-08"),  # Whit Monday
        ("2020-06-14", "2020-06-15"),  # a Sunday and the Monday after it
    ],
)
def test_the_store_is_closed_on_sundays_and_public_holidays(closed: str, ordinary: str):
    assert noon_kw(closed) < 125
    assert noon_kw(ordinary) > 130


def test_it_closes_early_on_christmas_eve_and_new_years_eve():
    for eve in ("2019-12-24", "2019-12-31"):
        of_day = np.datetime64(eve) == DAY
        assert YEAR.kw[of_day & (HOUR >= 16) & (HOUR < 19)].mean() < 90
        assert YEAR.kw[of_day & (HOUR >= 9) & (HOUR < 12)].mean() > 110


def test_it_opens_by_the_wall_clock_on_both_sides_of_a_clock_change():
    spring = supermarket_load(datetime(2020, 3, 23, tzinfo=ZONE), 14)
    clock = to_local(spring.times_s, ZONE).astype("datetime64[s]")
    for day in ("2020-03-27", "2020-03-30"):  # the clock went forward on the 29th
        before = clock == np.datetime64(f"{day}T05:00")
        after = clock == np.datetime64(f"{day}T07:30")
        assert spring.kw[after] - spring.kw[before] > 40


def test_times_are_a_plain_utc_grid():
    assert YEAR.times_s[0] == START.timestamp()
    assert (np.diff(YEAR.times_s) == 900).all()


def test_refrigeration_makes_summer_nights_dearer_than_winter_nights():
    night = HOUR < 4
    month = DAY.astype("datetime64[M]").astype(int) % 12 + 1
    assert YEAR.kw[night & (month == 7)].mean() > 1.1 * YEAR.kw[night & (month == 1)].mean()
