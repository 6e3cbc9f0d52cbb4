"""Load histories, and what may be said of them."""

from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from pipelines.preprocessing.gaps import MOST_FILLED
from pipelines.preprocessing.meter_file import Declared
from pipelines.preprocessing.series import MAX_STEPS
from pipelines.preprocessing.window import STRICT, Tolerance


class SeriesIn(BaseModel):
    """An evenly spaced load history: one value per step of the model."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"start": "2024-06-03T00:00:00+02:00", "kw": [101.5, 99.8, 97.2]}]},
    )

    start: AwareDatetime = Field(description="Start of the first step, with its offset from UTC.")
    kw: list[FiniteFloat | None] = Field(
        max_length=MAX_STEPS,
        fail_fast=True,
        description="Mean active power per step, kW, oldest first; null where a value is missing, "
        "which is taken only with gaps=linear or a fallback.",
    )


class FileOptions(BaseModel):
    """What a meter file does not say of itself; any other option is refused."""

    model_config = ConfigDict(extra="forbid")

    tz: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        description="IANA zone that times without an offset are local to, e.g. Europe/Berlin or UTC; "
        "by default the zone the model was trained in.",
    )
    column: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        description="Header of the column that holds the load; by default Wert (kW) or Power Consumption "
        "[kW], of energies Wert (kWh) or Energy Consumption [kWh].",
    )
    unit: Literal["kW", "kWh"] = Field(
        default="kW", description="What the values are: mean powers, or the energy of each step."
    )
    labels: Literal["start", "end"] = Field(
        default="start", description="What of its step a row's time is: when it begins, or when it ends."
    )
    doubled_hour: Literal["order", "first", "second"] = Field(
        default="order",
        description="Where the clock goes back and a file has the doubled hour once: which of the two it is; "
        "by default before the change, unless the file begins within the hour.",
    )

    @property
    def declared(self) -> Declared:
        """What they say of a file."""
        return Declared(self.column, self.unit, self.labels, self.doubled_hour)

    @property
    def of_files(self) -> set[str]:
        """Those given that say something of a file."""
        return self.model_fields_set & set(FileOptions.model_fields)

    @property
    def tolerance(self) -> Tolerance:
        """What they put up with in a history."""
        return STRICT


class BacktestOptions(FileOptions):
    """Options of a backtest."""

    stride: int = Field(
        default=1, ge=1, le=MAX_STEPS, description="Steps of the history from one forecast to the next."
    )


class ForecastOptions(FileOptions):
    """Options of a forecast."""

    gaps: Literal["reject", "linear"] = Field(
        default="reject",
        description="What becomes of steps that are missing in the newest window: the history is refused, or "
        "they are filled along a straight line from the value before to the value after.",
    )
    max_gap_steps: int | None = Field(
        default=None,
        ge=1,
        le=MOST_FILLED,
        description="Steps of the longest gap that is filled, by default an hour's, one at least; with "
        "gaps=linear alone. A history with a longer one is refused.",
    )
    fallback: Literal["none", "seasonal_naive"] = Field(
        default="none",
        description="What is answered, instead of an error or of the model's forecast, where the meter is at "
        "fault: where a gap is longer than is filled, where the history ends in identical values, or where "
        "values are further outside the range that the model was trained on than that range is wide. "
        "seasonal_naive: the load of the same time last week, or else yesterday, without intervals; "
        "fallback_reason says why. No model is asked then.",
    )

    @field_validator("max_gap_steps")
    @classmethod
    def _needs_a_policy(cls, steps: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("gaps", "linear") != "linear":
            raise PydanticCustomError("idle", "counts with gaps=linear alone")
        return steps

    @property
    def tolerance(self) -> Tolerance:
        """What they put up with in a history."""
        if self.gaps == "reject" and self.fallback == "none":
            return STRICT
        return Tolerance(self.max_gap_steps if self.gaps == "linear" else 0, self.fallback != "none")


class FullOptions(ForecastOptions):
    """Options of the full call."""

    history: bool = Field(
        default=False,
        description="Whether the answer has the load that the forecast was computed from; refused with CSV.",
    )
