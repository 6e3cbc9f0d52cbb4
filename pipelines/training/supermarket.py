"""Generated load of a supermarket, so that training needs no download.

Not a copy of any store: the parts a quarter-hour meter of one shows, each with a plain formula.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.series import LoadSeries, regular_series
from pipelines.preprocessing.wall_clock import to_local

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2019, 7, 1, tzinfo=ZONE)
DAYS = 731
SEED = 6

_STEP_S = 900
_DAY_STEPS = 96
_OPENS_H, _CLOSES_H = 7.0, 21.0
_EVE_CLOSES_H = 14.0
"""On 24 and 31 December."""
_SUNDAY = 6
_DECEMBER = 11
"""Months and weekdays count from 0."""

Values = NDArray[np.float64]


def supermarket_load(start: datetime = START, days: int = DAYS, *, seed: int = SEED) -> LoadSeries:
    """Mean power of each quarter-hour of a supermarket in Berlin, kW, to four decimals.

    The store follows the wall clock of ZONE; a day is counted as 96 quarter-hours.
    """
    rng = np.random.default_rng(seed)
    steps = days * _DAY_STEPS
    times_s = np.arange(steps, dtype=np.int64) * _STEP_S + int(start.timestamp())
    clock = to_local(times_s, ZONE).astype("datetime64[s]")
    day = clock.astype("datetime64[D]")
    hour = (clock - day).astype(np.float64) / 3600
    summer = -np.cos(2 * np.pi * (_day_of_year(day) - 20) / 365.25)
    """-1 on 20 January, the coldest day, 1 half a year later."""
    weekday = (day.astype(np.int64) + 3) % 7
    closes_h = np.where(_is_eve(day), _EVE_CLOSES_H, _CLOSES_H)
    is_open_day = (weekday != _SUNDAY) & ~_is_holiday(day)

    staffed = is_open_day * _between(hour, _OPENS_H - 1.25, closes_h + 0.75, edge_h=0.5)
    customers = is_open_day * _between(hour, _OPENS_H, closes_h, edge_h=0.25)
    outside_c = _outside_temperature(summer, hour, rng)

    kw = 28 + _lighting(hour, summer, staffed, customers) + _bakery(hour, customers)
    kw = kw + _refrigeration(outside_c, customers, rng)
    kw = kw + staffed * (1.8 * np.clip(outside_c - 20, 0, None) + 1.1 * np.clip(6 - outside_c, 0, None))
    kw = kw + customers * _crowd(hour, weekday) * 38
    busy = 0.4 + 0.6 * staffed
    kw = kw + busy * _wander(steps, 6.0, memory_h=3, rng=rng) + rng.normal(0, 2.2, steps)
    return regular_series(start, np.round(np.maximum(kw, 30.0), 4), resolution_s=_STEP_S)


def _day_of_year(day: NDArray[np.datetime64]) -> Values:
    since_new_year: Values = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64)
    return since_new_year


def _is_eve(day: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    month = day.astype("datetime64[M]")
    is_december: NDArray[np.bool_] = month.astype(np.int64) % 12 == _DECEMBER
    return is_december & np.isin((day - month.astype("datetime64[D]")).astype(np.int64) + 1, (24, 31))


def _is_holiday(day: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    first, last = (edge.astype(date) for edge in (day[0], day[-1]))
    closed = holidays.country_holidays("DE", subdiv="BE", years=range(first.year, last.year + 1))
    return np.isin(day, np.array(sorted(closed), dtype="datetime64[D]"))


def _between(hour: Values, begin_h: float, end_h: float | Values, *, edge_h: float) -> Values:
    """1 from begin to end, 0 outside, with an edge of some length centred on each."""
    rise = np.clip((hour - begin_h) / edge_h + 0.5, 0, 1)
    fall = np.clip((end_h - hour) / edge_h + 0.5, 0, 1)
    return np.minimum(rise, fall)


def _bump(hour: Values, centre_h: float, width_h: float) -> Values:
    return np.exp(-0.5 * ((hour - centre_h) / width_h) ** 2)


def _outside_temperature(summer: Values, hour: Values, rng: np.random.Generator) -> Values:
    """Degrees Celsius: season, time of day and weather that lasts for days."""
    afternoon = np.cos(2 * np.pi * (hour - 15.5) / 24)
    weather = _wander(hour.size, 3.2, memory_h=60, rng=rng)
    return 10 + 9.5 * summer + (3.2 + 1.3 * summer) * afternoon + weather


def _lighting(hour: Values, summer: Values, staffed: Values, customers: Values) -> Values:
    """Sales floor while staffed, less by daylight; signs and car park in the dark hours of trade."""
    half_day_h = 6.1 + 2.1 * summer
    daylight = np.clip((half_day_h - np.abs(hour - 13.0)) / 1.5 + 0.5, 0, 1)
    return staffed * (34 - 7 * daylight) + customers * 14 + staffed * 12 * (1 - daylight)


def _refrigeration(outside_c: Values, customers: Values, rng: np.random.Generator) -> Values:
    """Always on, harder in the warmth and with open doors; compressors cycle about every 80 minutes."""
    demand = 42 + 1.35 * np.clip(outside_c - 4, 0, None) + 9 * customers
    cycles = np.cumsum(_STEP_S / 4800 * (1 + rng.normal(0, 0.12, outside_c.size)))
    return demand * (1 + 0.07 * np.sin(2 * np.pi * cycles))


def _bakery(hour: Values, customers: Values) -> Values:
    return (customers > 0) * (30 * _bump(hour, 7.5, 0.8) + 16 * _bump(hour, 15.5, 0.9))


def _crowd(hour: Values, weekday: NDArray[np.int64]) -> Values:
    """How full the store is, 0 to about 1: late on working days, noon on Saturdays."""
    of_day = np.array([0.8, 0.75, 0.78, 0.85, 1.0, 1.1, 0.0])[weekday]
    saturday = weekday == _SUNDAY - 1
    working_day = 0.75 * _bump(hour, 17.3, 2.2) + 0.55 * _bump(hour, 10.8, 2.0)
    return of_day * np.where(saturday, _bump(hour, 12.8, 3.4), working_day)


def _wander(steps: int, std: float, *, memory_h: float, rng: np.random.Generator) -> Values:
    """First-order autoregressive noise of a standard deviation that forgets within `memory_h` hours.

    A convolution instead of a loop: the kernel is cut where it has fallen below a thousandth.
    """
    keep = np.exp(-_STEP_S / 3600 / memory_h)
    kernel = keep ** np.arange(int(np.log(1e-3) / np.log(keep)))
    shocks = rng.normal(0, 1, steps + kernel.size - 1)
    noise: Values = std * np.sqrt(1 - keep**2) * np.convolve(shocks, kernel, mode="valid")
    return noise
