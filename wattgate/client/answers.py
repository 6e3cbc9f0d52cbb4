"""What a gateway answers."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from wattgate.errors import Violation

if TYPE_CHECKING:
    import pandas as pd


def on_the_wall(time: datetime, zone: ZoneInfo) -> datetime:
    """A time as clocks in a zone show it, with their offset then.

    Not with the zone itself: Python takes the difference of two times of one zone by the clock, an hour wrong
    where the clock changes between them.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> before = on_the_wall(datetime.fromisoformat("2024-10-27T00:45Z"), berlin)
    >>> after = on_the_wall(datetime.fromisoformat("2024-10-27T01:00Z"), berlin)
    >>> print(before, after, after - before)
    2024-10-27 02:45:00+02:00 2024-10-27 02:00:00+01:00 0:15:00
    """
    there = time.astimezone(zone)
    return there.replace(tzinfo=timezone(there.utcoffset() or timedelta()), fold=0)


@dataclass(frozen=True)
class Token:
    """An access token."""

    access_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Interval:
    """Bounds, kW, that the power falls between with probability `level`."""

    level: float
    lower_kw: float
    upper_kw: float

    @property
    def percent(self) -> str:
        """The level in percent, as in names of columns.

        >>> Interval(0.95, 1.0, 2.0).percent
        '95'
        """
        return f"{round(self.level * 100, 6):g}"


@dataclass(frozen=True)
class Step:
    """The forecast of one step: mean power between two times, kW."""

    valid_from: datetime
    """As clocks in the forecast's zone show it, with their offset."""
    valid_to: datetime
    kw: float
    intervals: tuple[Interval, ...]
    """Narrowest first; none of a fallback."""


@dataclass(frozen=True)
class Repair:
    """A gap that was filled; from the start of the first missing step to the end of the last."""

    since: datetime
    until: datetime
    steps: int
    method: str
    """linear: along a straight line."""


@dataclass(frozen=True)
class Forecast:
    """A forecast and the model version that made it.

    Its times are as clocks in its zone show them, each with their offset then.
    """

    model: str
    model_version: int
    time_zone: str
    """IANA zone whose wall clock the model's daily and weekly cycles follow."""
    data_from: datetime
    """Start of the history that counted."""
    data_until: datetime
    """End of the history, where the forecast begins."""
    steps: tuple[Step, ...]
    repaired: tuple[Repair, ...]
    warnings: tuple[Violation, ...]
    """What looks like a meter at fault."""
    fallback_reason: str | None
    """Why this is not the model's forecast but the fallback that was allowed; None where it is."""

    def columns(self) -> tuple[str, ...]:
        """Names of the values of a step: kw, and a pair of bounds a level."""
        bounds = (
            name
            for interval in self.steps[0].intervals
            for name in (f"lower_{interval.percent}_kw", f"upper_{interval.percent}_kw")
        )
        return ("kw", *bounds)

    def rows(self) -> Iterator[tuple[float, ...]]:
        """Those values, a row a step."""
        for step in self.steps:
            yield (step.kw, *(bound for i in step.intervals for bound in (i.lower_kw, i.upper_kw)))

    def to_csv(self) -> str:
        """The steps as CSV: `valid_from,valid_to,kw` and a pair of bounds a level; ISO 8601 times."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("valid_from", "valid_to", *self.columns()))
        for step, values in zip(self.steps, self.rows(), strict=True):
            writer.writerow((step.valid_from.isoformat(), step.valid_to.isoformat(), *values))
        return text.getvalue()

    def to_frame(self) -> "pd.DataFrame":
        """The steps as a frame: index `valid_from`, columns `kw` and a pair of bounds a level, kW.

        What is said of them all is in its `attrs`: model, model_version, warnings, repaired,
        fallback_reason. Raises MissingPackage without pandas.
        """
        from wattgate.client import frames

        return frames.frame_of(self)


@dataclass(frozen=True)
class Model:
    """A model that a gateway is set up to serve; before any version answered, what follows is None."""

    name: str
    available: bool
    reason: str | None
    """Why it is not available; None where it is."""
    version: int | None
    window: int | None
    """Steps of history a forecast needs."""
    horizon: int | None
    """Steps it has."""
    resolution_s: int | None
    """Length of a step."""
    time_zone: str | None
    trained_until: datetime | None
    """End of the data it was trained on."""
    mae_kw: float | None
    """Mean absolute error on weeks it had not seen."""
    naive_mae_kw: dict[str, float]
    """That of forecasts that need no model, by name."""


@dataclass(frozen=True)
class ModelList:
    """What a gateway serves."""

    models: tuple[Model, ...]
    default_model: str
    """Answers calls that name none."""
    gateway_version: str

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models)

    def named(self, name: str) -> Model | None:
        """The model of that name; None where there is none."""
        return next((model for model in self.models if model.name == name), None)
