"""What somebody writes of a model of their own, so that it can be served: the file `--spec` names."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from pipelines.preprocessing.wall_clock import grid_s, zone_named
from pipelines.spec import DAY_S, Feature, ForecastSpec, IntervalOffsets, KnownRequest, TrainingRecord

MAX_WINDOW = 35_136
"""Steps: a leap year of quarter-hours."""
MAX_HORIZON = 2_976
"""Steps: a month of quarter-hours."""

_DURATION = re.compile(r"P(?:1D|T(?:(\d{1,2})H)?(?:(\d{1,4})M)?(?:(\d{1,5})S)?)", re.ASCII)
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_MAX_SHOWN = 60


class DescriptionError(Exception):
    """A description that no model can be served by; the message names every field at fault."""


class Description(BaseModel):
    """A model that forecasts a load from the load before it: what it takes, what it answers, and how to read
    that. Whatever is left out has the value that `default` says."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Spec of a model of your own")

    resolution: str = Field(
        description="Length of a step: an ISO 8601 duration that divides a day.",
        examples=["PT15M", "PT1H", "P1D"],
    )
    window: int = Field(ge=1, le=MAX_WINDOW, description="Steps of history that the model takes.")
    horizon: int = Field(ge=1, le=MAX_HORIZON, description="Steps that it forecasts.")
    time_zone: str = Field(
        description="IANA zone whose wall clock the calendar's columns follow; also that of times without an "
        "offset in meter files, where a caller names none. Steps are counted from its midnight.",
        examples=["Europe/Berlin", "UTC"],
    )
    features: tuple[Feature, ...] = Field(
        description="Columns of the input, in the order of its last dimension; `load` must be one. Each is "
        "given as (value - mean) / std, and forecasts are read as forecast * std + mean of the load. A model "
        "that takes and answers kW has mean 0 and std 1, the defaults.",
    )
    unit: Literal["kW"] = Field(default="kW", description="Of the load, before it is normalised.")
    spread_kw: FiniteFloat | None = Field(
        default=None,
        gt=0,
        description="Standard deviation of the load, kW, which differences between versions are measured by. "
        "Needed where the load's std is not that: in a model that takes kW.",
    )
    intervals: tuple[IntervalOffsets, ...] = Field(
        default=(),
        description="By ascending level: what to add to the forecast of each step, kW, so that the outcome "
        "falls between with that probability.",
    )
    training: TrainingRecord | None = Field(
        default=None,
        description="What it was trained on, and how it scored on weeks it had not seen. Its `observed` is "
        "what meters are held against.",
    )
    signature: str | None = Field(
        default=None,
        description="Signature of the SavedModel; by default serving_default, else the only one that fits.",
    )
    input: str | None = Field(
        default=None, description="Its input, (None, window, features); by default the only one."
    )
    output: str | None = Field(
        default=None, description="Its output, (None, horizon); by default the only one."
    )

    @field_validator("resolution")
    @classmethod
    def _divides_a_day(cls, text: str) -> str:
        length_s = _seconds(text)
        if not length_s or DAY_S % length_s:
            raise ValueError("must be an ISO 8601 duration that divides a day, such as PT15M, PT1H or P1D")
        return text

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zone_named(name)
        return name

    @property
    def shape(self) -> tuple[int, int]:
        """Of a window: steps and columns."""
        return self.window, len(self.features)

    def spec(
        self,
        forecast_kw: tuple[float, ...],
        *,
        signatures: tuple[str, ...] = ("serving_default",),
        batch_sizes: tuple[int, ...] = (1,),
    ) -> ForecastSpec:
        """The spec of a version that forecasts so, shape (horizon,), kW, after the history it is asked with.

        Raises ValueError where the fields do not go together.
        """
        resolution_s = _seconds(self.resolution)
        start = _MONDAY + timedelta(seconds=grid_s(self.time_zone, resolution_s))
        spec = ForecastSpec(
            signatures=signatures,
            batch_sizes=batch_sizes,
            features=self.features,
            window=self.window,
            horizon=self.horizon,
            resolution_s=resolution_s,
            unit=self.unit,
            time_zone=self.time_zone,
            spread_kw=self.spread_kw,
            intervals=self.intervals,
            training=self.training,
            known_request=KnownRequest(start=start, history_kw=(0.0,) * self.window, forecast_kw=forecast_kw),
        )
        known = spec.known_request.model_copy(update={"history_kw": _rhythm_kw(spec)})
        return spec.model_copy(update={"known_request": known})

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        try:
            self.spec((0.0,) * self.horizon)
        except ValidationError as error:
            raise ValueError(_said(error)) from None
        return self


def read_description(file: Path) -> Description:
    """A description in a file, JSON. Raises DescriptionError, OSError."""
    try:
        return Description.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise DescriptionError(f"{file}: {_said(error)}") from None


def _seconds(duration: str) -> int:
    """Of an ISO 8601 duration of a day at most; 0 of anything else."""
    read = _DURATION.fullmatch(duration)
    if read is None:
        return 0
    hours, minutes, seconds = (int(number or 0) for number in read.groups())
    return DAY_S if duration == "P1D" else hours * 3600 + minutes * 60 + seconds


def _rhythm_kw(spec: ForecastSpec) -> tuple[float, ...]:
    """A load that rises and falls daily and is never below 0: something to ask any model with."""
    level_kw = max(spec.load.mean, 2 * spec.scale_kw)
    phase = 2 * np.pi * np.arange(spec.window) * spec.resolution_s / DAY_S
    kw = level_kw - spec.scale_kw * np.cos(phase)
    return tuple(np.round(kw, 3).tolist())


def _said(error: ValidationError) -> str:
    """Every fault by its field, and what is right."""
    return "; ".join(_fault(fault) for fault in error.errors(include_url=False))


def _fault(fault: ErrorDetails) -> str:
    says = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        says = "there is no such field"
        if len(fault["loc"]) == 1:
            says += f"; there are {', '.join(Description.model_fields)}"
    elif fault["type"] == "missing":
        says = "is missing"
    elif isinstance(fault["input"], str | int | float):
        says += f"; it is {fault['input']!r:.{_MAX_SHOWN}}"
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {says}" if place else says
