"""The columns that a model may have beside the load: what a wall clock tells, by name.

All that a model can be given is in this table, for training and for serving alike. A column is made of how
far the clock has come through one cycle, from 0 up to and without 1.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.wall_clock import Seconds

Cycle = Literal["day", "week", "year"]
CalendarName = Literal[
    "day_sin", "day_cos", "day_phase",
    "week_sin", "week_cos", "week_phase", "is_weekend",
    "year_sin", "year_cos", "year_phase",
]  # fmt: skip
Values = NDArray[np.float64]

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_MONDAY_S = 4 * _DAY_S  # 1970-01-05 was the first Monday


def _day(local_s: Seconds) -> Values:
    return local_s % _DAY_S / _DAY_S


def _week(local_s: Seconds) -> Values:
    return (local_s - _MONDAY_S) % _WEEK_S / _WEEK_S


def _year(local_s: Seconds) -> Values:
    years = local_s.astype("datetime64[s]").astype("datetime64[Y]")
    start_s = years.astype("datetime64[s]").astype(np.int64)
    end_s = (years + 1).astype("datetime64[s]").astype(np.int64)
    return (local_s - start_s) / (end_s - start_s)


def _sin(phase: Values) -> Values:
    return np.sin(2 * np.pi * phase)


def _cos(phase: Values) -> Values:
    return np.cos(2 * np.pi * phase)


def _itself(phase: Values) -> Values:
    return phase


def _is_late(phase: Values) -> Values:
    return (phase >= 5 / 7).astype(np.float64)


PHASES: dict[Cycle, Callable[[Seconds], Values]] = {"day": _day, "week": _week, "year": _year}
"""How far a wall clock has come through its day, its week (from Monday 00:00) or its calendar year."""


class Column(NamedTuple):
    """One column: of which cycle, and what of its phase."""

    cycle: Cycle
    of: Callable[[Values], Values]


COLUMNS: dict[CalendarName, Column] = {
    "day_sin": Column("day", _sin),
    "day_cos": Column("day", _cos),
    "day_phase": Column("day", _itself),
    "week_sin": Column("week", _sin),
    "week_cos": Column("week", _cos),
    "week_phase": Column("week", _itself),
    "is_weekend": Column("week", _is_late),
    "year_sin": Column("year", _sin),
    "year_cos": Column("year", _cos),
    "year_phase": Column("year", _itself),
}
