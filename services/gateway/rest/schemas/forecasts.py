"""Forecasts, and what they were made of."""

import math
from typing import Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
)

from pipelines.errors import MAX_LISTED
from services.gateway.predict import Prediction
from services.gateway.rest.schemas.problems import ViolationOut


class IntervalOut(BaseModel):
    """Bounds that the outcome falls between with probability `level`."""

    level: float
    lower_kw: float
    upper_kw: float


class StepOut(BaseModel):
    """The forecast of one step."""

    valid_from: AwareDatetime
    valid_to: AwareDatetime
    kw: float = Field(description="Expected mean power, kW.")
    intervals: list[IntervalOut] = Field(
        description="Narrowest first; none of a fallback, as they would be the model's."
    )


class RepairOut(BaseModel):
    """A gap that was filled, as far as it is in the window."""

    from_: AwareDatetime = Field(
        serialization_alias="from", description="Start of the first step that was missing."
    )
    until: AwareDatetime = Field(description="End of the last one.")
    steps: int
    method: Literal["linear"] = "linear"


class HistoryOut(BaseModel):
    """The load that a forecast was computed from: one value per step, evenly spaced."""

    start: AwareDatetime = Field(description="Start of the first step.")
    kw: list[float | None] = Field(
        description="Mean power per step, kW, oldest first, with gaps filled; null where a value is "
        "missing or at fault, which is so of a fallback alone."
    )

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """Say what a prediction was made from."""
        loads_kw = prediction.window.load.kw.tolist()
        return cls(
            start=prediction.forecast.data_from,
            kw=[None if math.isnan(load_kw) else load_kw for load_kw in loads_kw],
        )


class ForecastOut(BaseModel):
    """A forecast, and what it was made of."""

    model: str = Field(description="That was asked for.")
    model_version: int = Field(
        description="The version that computed this answer; of a fallback, that would have."
    )
    unit: Literal["kW"]
    resolution: str = Field(description="ISO 8601 duration of a step.")
    time_zone: str = Field(description="Zone whose wall clock the model's daily and weekly cycles follow.")
    data_from: AwareDatetime = Field(description="Start of the first step the forecast was computed from.")
    data_until: AwareDatetime = Field(description="End of the last one; where the forecast begins.")
    steps: list[StepOut]
    repaired: list[RepairOut] = Field(description="What was filled of the window, oldest first.")
    warnings: list[ViolationOut] = Field(
        description=f"What looks like a meter at fault, {MAX_LISTED} at most. flat: identical values for "
        "over six hours and four steps, and longer than ever in the training data (of a model that does not "
        "say what it was trained on, zeros for over a day); range: values outside the range of the training "
        "data."
    )
    fallback_reason: str | None = Field(
        description="Why this is a fallback and not the model's forecast: the rule that was broken (gap, "
        "flat or range), a colon, and what is wrong in words; null where the model answered."
    )
    history: HistoryOut | None = Field(
        description="What was forecast from, from data_from to data_until; null unless asked for."
    )

    @classmethod
    def of(cls, prediction: Prediction, *, history: bool = False) -> Self:
        """Say a prediction, with its history or without."""
        spec, forecast, window = prediction.model.spec, prediction.forecast, prediction.window
        return cls(
            model=prediction.model.name,
            model_version=prediction.model.version,
            unit=spec.unit,
            resolution=spec.resolution,
            time_zone=spec.time_zone,
            data_from=forecast.data_from,
            data_until=forecast.data_until,
            steps=[
                StepOut(
                    valid_from=step.valid_from,
                    valid_to=step.valid_to,
                    kw=step.kw,
                    intervals=[
                        IntervalOut(level=i.level, lower_kw=i.lower_kw, upper_kw=i.upper_kw)
                        for i in step.intervals
                    ],
                )
                for step in forecast.steps
            ],
            repaired=[
                RepairOut(from_=repair.since, until=repair.until, steps=repair.steps)
                for repair in window.repaired
            ],
            warnings=[ViolationOut.of(warning) for warning in window.warnings],
            fallback_reason=prediction.fallback_reason,
            history=HistoryOut.of(prediction) if history else None,
        )
