"""Forecasts of several series in one call, as KServe defines it (kserve.protocol.rest.timeseries).

Fields that KServe does not have are said to be ours; its types let them pass, both ways.
"""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from pipelines.errors import Violation
from pipelines.preprocessing.series import MAX_STEPS
from pipelines.spec import ForecastSpec
from services.core.errors import InvalidRequestError
from services.gateway.predict import EvenSeries, Prediction
from services.gateway.rest.schemas.problems import Problem, ViolationOut

MOST_SERIES = 256
"""In one call: a stream of ForecastService takes any number."""

_SECONDS = {"second": 1, "S": 1, "minute": 60, "T": 60, "hour": 3600, "H": 3600}
"""KServe's names of steps, as far as a model's may be as short."""

Univariate = Literal["univariate_time_series"]
Quantile = Annotated[FiniteFloat, Field(gt=0, lt=1)]


class _In(BaseModel):
    """KServe lets unknown fields pass; here each is refused by its name, as it would count for nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TimeSeriesIn(_In):
    """A load history: one value a step, kW."""

    type: Univariate = Field(description="Loads are forecast one series at a time.")
    name: str = Field(max_length=256, description="Comes back with the forecast.")
    series: list[FiniteFloat] = Field(
        max_length=MAX_STEPS, fail_fast=True, description="Mean power of each step, kW, oldest first."
    )
    frequency: str = Field(
        max_length=16,
        description="Length of a step, which has to be the model's: KServe's names (second, S, minute, T, "
        "hour, H), of which `interval` says how many, or (ours) an ISO 8601 duration as the model's "
        "`resolution` has it, such as PT15M.",
    )
    interval: int = Field(
        default=1,
        ge=1,
        le=3600,
        description="Ours: how many of `frequency` a step has. KServe has no name for a quarter-hour, so it "
        "is 15 of minute.",
    )
    start_timestamp: AwareDatetime = Field(
        description="Start of the first step, with its offset from UTC; KServe can do without, these models "
        "cannot."
    )

    def is_every(self, spec: ForecastSpec) -> bool:
        """Whether its steps are as long as a model's."""
        if self.frequency == spec.resolution:
            return self.interval == 1
        return _SECONDS.get(self.frequency, 0) * self.interval == spec.resolution_s


class TimeSeriesOptionsIn(_In):
    """What is to be forecast of each series."""

    horizon: int = Field(ge=1, description="Steps, as many as the model forecasts at most.")
    quantiles: list[Quantile] | None = Field(
        default=None,
        max_length=32,
        description="Quantiles of the outcome, those that bound the model's intervals: 0.1 and 0.9 of one of "
        "level 0.8.",
    )


class MetadataIn(BaseModel):
    """The caller's own; not looked at."""


class TimeSeriesForecastIn(_In):
    """A request."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "gru",
                    "inputs": [
                        {
                            "type": "univariate_time_series",
                            "name": "meter 1",
                            "series": [101.5, 99.8, 97.2],
                            "frequency": "minute",
                            "interval": 15,
                            "start_timestamp": "2024-06-03T00:00:00Z",
                        }
                    ],
                    "options": {"horizon": 8, "quantiles": [0.1, 0.9]},
                }
            ]
        }
    )

    model: str
    inputs: list[TimeSeriesIn] = Field(min_length=1, max_length=MOST_SERIES, fail_fast=True)
    options: TimeSeriesOptionsIn
    metadata: MetadataIn | None = None

    def check(self, spec: ForecastSpec) -> None:
        """Raise InvalidRequestError, which names the field, for what a model cannot do."""
        unit = "second" if spec.resolution_s % 60 else "minute"
        for place, given in enumerate(self.inputs):
            if not given.is_every(spec):
                raise _refused(
                    f"inputs.{place}.frequency",
                    f"{self.model} takes steps of {spec.resolution}: say that, or {unit} with interval "
                    f"{spec.resolution_s // _SECONDS[unit]}",
                )
        if self.options.horizon > spec.horizon:
            raise _refused("options.horizon", f"{self.model} forecasts {spec.horizon} steps at most")
        self.bounds(spec)

    def histories(self) -> list[EvenSeries]:
        """The series as arrays."""
        return [EvenSeries(given.start_timestamp, np.array(given.series)) for given in self.inputs]

    def bounds(self, spec: ForecastSpec) -> dict[str, tuple[int, bool]]:
        """Of each quantile asked for: which of a model's intervals it bounds, and whether from above.

        Raises InvalidRequestError for one that bounds none.
        """
        there = {
            _quantile(band.level, is_upper): (place, is_upper)
            for place, band in enumerate(spec.intervals)
            for is_upper in (False, True)
        }
        asked = self.options.quantiles or []
        for place, quantile in enumerate(asked):
            if round(quantile, 9) not in there:
                known = ", ".join(map(str, sorted(there))) or "none"
                raise _refused(
                    f"options.quantiles.{place}",
                    f"{self.model} has no quantile {quantile}; it has {known}",
                )
        return {str(quantile): there[round(quantile, 9)] for quantile in asked}


def _quantile(level: float, is_upper: bool) -> float:
    return round((1 + level if is_upper else 1 - level) / 2, 9)


def _refused(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field}: {message}", (Violation("field", message, column=field),))


class TimeSeriesErrorOut(BaseModel):
    """An error as KServe says it."""

    code: str
    message: str
    param: str | None = Field(description="The field that is to blame; null where none is.")
    type: str = Field(description="Stable name of the failure.")

    @classmethod
    def of(cls, problem: dict[str, Any]) -> Self:
        """Say a problem document's."""
        columns = [each["column"] for each in problem.get("errors", ()) if each["column"]]
        return cls(
            code=str(problem["status"]),
            message=problem["detail"],
            param=columns[0] if columns else None,
            type=problem["reason"],
        )


class TimeSeriesProblem(Problem):
    """A problem document with KServe's error in it."""

    model_config = ConfigDict(json_schema_extra={})  # the example has none

    error: TimeSeriesErrorOut


class TimeSeriesForecastOut(BaseModel):
    """What follows a series."""

    type: Univariate = "univariate_time_series"
    name: str
    mean_forecast: list[float] = Field(description="Expected mean power of each step, kW.")
    frequency: str = Field(description="As it was asked.")
    interval: int = Field(description="Ours: as it was asked.")
    start_timestamp: AwareDatetime = Field(description="Start of the first step.")
    quantiles: dict[str, list[float]] | None = Field(
        description="kW by quantile; null where none were asked."
    )

    @classmethod
    def of(cls, asked: TimeSeriesForecastIn, given: TimeSeriesIn, prediction: Prediction) -> Self:
        """Say a prediction, as far as it was asked for."""
        steps = prediction.forecast.steps[: asked.options.horizon]
        quantiles = {
            quantile: [
                step.intervals[place].upper_kw if is_upper else step.intervals[place].lower_kw
                for step in steps
            ]
            for quantile, (place, is_upper) in asked.bounds(prediction.model.spec).items()
        }
        return cls(
            name=given.name,
            mean_forecast=[step.kw for step in steps],
            frequency=given.frequency,
            interval=given.interval,
            start_timestamp=prediction.forecast.data_until,
            quantiles=quantiles or None,
        )


class TimeSeriesOutputOut(BaseModel):
    """What became of one series."""

    type: Literal["time_series_forecast"] = "time_series_forecast"
    id: str
    status: Literal["completed", "error"]
    content: list[TimeSeriesForecastOut] = Field(description="Its forecast; empty where there is none.")
    error: TimeSeriesErrorOut | None = Field(description="Why there is none.")
    model_version: int | None = Field(description="Ours: the version that answered.")
    warnings: list[ViolationOut] = Field(description="Ours: what looks like a meter at fault.")


class TimeSeriesUsageOut(BaseModel):
    """What was used; a value counts as a token."""

    prompt_tokens: int = Field(description="Values sent.")
    completion_tokens: int = Field(description="Values forecast.")
    total_tokens: int


class TimeSeriesForecastsOut(BaseModel):
    """An answer."""

    id: str = Field(description="The call's own, as in the header X-Request-ID and in our log.")
    created_at: int = Field(description="Seconds since 1970-01-01 UTC.")
    status: Literal["completed", "partial"] = Field(
        description="partial: some series have no forecast; where none has, the call is refused."
    )
    error: TimeSeriesErrorOut | None = Field(default=None, description="Always null: outputs have theirs.")
    model: str
    outputs: list[TimeSeriesOutputOut] = Field(description="One a series, in their order.")
    usage: TimeSeriesUsageOut
