"""The HTTPS edge's documents, as OpenAPI shows them."""

from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from pipelines.errors import MAX_LISTED, Violation
from pipelines.evaluation.backtest import Report
from pipelines.preprocessing.gaps import MOST_FILLED, USUALLY_FILLED
from pipelines.preprocessing.meter_file import Declared
from pipelines.preprocessing.series import MAX_STEPS
from pipelines.preprocessing.window import STRICT, Tolerance
from pipelines.spec import ForecastSpec, TrainingRecord
from services.gateway.models import CanaryModel, ModelState, ServedModel
from services.gateway.passwords import MAX_BYTES, MIN_LENGTH
from services.gateway.predict import Prediction
from services.gateway.store.accounts import MAX_NAME
from services.gateway.store.users import User


class TokenOut(BaseModel):
    """A token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a name, not a secret
    expires_in: int = Field(description="Seconds the token is valid from now.")
    scope: str = Field(description="What it is good for, with blanks between.")


class JwksOut(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


class MetadataOut(BaseModel):
    """What the token endpoint offers (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str]


class OAuthErrorOut(BaseModel):
    """An error of the token endpoint (RFC 6749, section 5.2), with `detail` beside."""

    error: str
    error_description: str
    detail: str


class UserOut(BaseModel):
    """A user."""

    username: str
    disabled: bool
    scopes: list[str]

    @classmethod
    def of(cls, user: User) -> Self:
        """As admins see it."""
        return cls(username=user.username, disabled=user.disabled, scopes=sorted(user.scopes))


class UsersOut(BaseModel):
    """Everyone who may log in, or might."""

    users: list[UserOut]


NewPassword = Annotated[SecretStr, Field(json_schema_extra={"minLength": MIN_LENGTH, "maxLength": MAX_BYTES})]
"""Checked by passwords.py, which says what is wrong in words of its own."""


class UserIn(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid", strict=True)

    username: str = Field(min_length=1, max_length=MAX_NAME)
    password: NewPassword
    admin: bool = Field(default=False, description="Whether it may change users, too.")


class UserChangeIn(BaseModel):
    """What changes of a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    password: NewPassword | None = Field(default=None, description="Ends the tokens that the old one gave.")
    disabled: bool | None = None


class SeriesIn(BaseModel):
    """An evenly spaced load history: one value per quarter-hour."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    start: AwareDatetime = Field(description="Start of the first quarter-hour, with its offset from UTC.")
    kw: list[FiniteFloat | None] = Field(
        max_length=MAX_STEPS,
        fail_fast=True,
        description="Mean active power per quarter-hour, kW, oldest first; null where a value is missing, "
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
    max_gap_steps: int = Field(
        default=USUALLY_FILLED,
        ge=1,
        le=MOST_FILLED,
        description="Steps of the longest gap that is filled; with gaps=linear alone. A history with a "
        "longer one is refused.",
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
    def _needs_a_policy(cls, steps: int, info: ValidationInfo) -> int:
        if info.data.get("gaps", "linear") != "linear":
            raise PydanticCustomError("idle", "counts with gaps=linear alone")
        return steps

    @property
    def tolerance(self) -> Tolerance:
        """What they put up with in a history."""
        if self.gaps == "reject" and self.fallback == "none":
            return STRICT
        return Tolerance(self.max_gap_steps if self.gaps == "linear" else 0, self.fallback != "none")


class IntervalOut(BaseModel):
    """Bounds that the outcome falls between with probability `level`."""

    level: float
    lower_kw: float
    upper_kw: float


class StepOut(BaseModel):
    """The forecast of one quarter-hour."""

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


class ViolationOut(BaseModel):
    """One rule broken at one place of the upload."""

    rule: str
    row: int | None = Field(description="Data row, from 1 after the header.")
    line: int | None = Field(description="Line of the file.")
    column: str | None
    message: str

    @classmethod
    def of(cls, violation: Violation) -> Self:
        """Say where and what."""
        return cls(
            rule=violation.rule,
            row=violation.row,
            line=violation.line,
            column=violation.column,
            message=violation.message,
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
        "over six hours, and longer than ever in the training data (of a model that does not say what it was "
        "trained on, zeros for over a day); range: values outside the range of the training data."
    )
    fallback_reason: str | None = Field(
        description="Why this is a fallback and not the model's forecast: the rule that was broken (gap, "
        "flat or range), a colon, and what is wrong in words; null where the model answered."
    )

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """Say a prediction."""
        spec, forecast, window = prediction.model.spec, prediction.forecast, prediction.window
        return cls(
            model=prediction.model.name,
            model_version=prediction.model.version,
            unit=spec.unit,
            resolution=_duration(spec),
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
        )


class BacktestOut(Report):
    """How good a model's forecasts of a whole history were."""

    model: str
    model_version: int

    @classmethod
    def of(cls, model: ServedModel, report: Report) -> Self:
        """Say whose report it is."""
        return cls(model=model.name, model_version=model.version, **dict(report))


class FeatureOut(BaseModel):
    """An input column and the constants that normalise it: (value - mean) / std."""

    name: str
    mean: float
    std: float


class ObservedOut(BaseModel):
    """What the loads were that a version was trained on; histories are held against it."""

    min_kw: float
    max_kw: float
    longest_flat_steps: int = Field(description="Longest run of identical values.")


class TrainingOut(BaseModel):
    """What a version was trained on, and how it scored on weeks it had not seen."""

    data_sha256: str
    data_from: AwareDatetime
    data_until: AwareDatetime
    mae_kw: float
    rmse_kw: float
    naive_mae_kw: dict[str, float]
    observed: ObservedOut | None = Field(description="null for versions that do not say.")

    @classmethod
    def of(cls, record: TrainingRecord) -> Self:
        """Say a record."""
        return cls.model_validate(record.model_dump(include=set(cls.model_fields)))


class ModelVersionOut(BaseModel):
    """The newest version of a model that answered rightly."""

    version: int
    signature: str = Field(description="Signature of the SavedModel that forecasts are computed with.")
    window: int = Field(description="Steps of history a forecast needs.")
    horizon: int = Field(description="Steps a forecast has.")
    resolution: str
    time_zone: str
    unit: str
    features: list[FeatureOut]
    training: TrainingOut

    @classmethod
    def of(cls, model: ServedModel) -> Self:
        """Say a version."""
        spec = model.spec
        return cls(
            version=model.version,
            signature=model.signature,
            window=spec.window,
            horizon=spec.horizon,
            resolution=_duration(spec),
            time_zone=spec.time_zone,
            unit=spec.unit,
            features=[FeatureOut(**feature.model_dump()) for feature in spec.features],
            training=TrainingOut.of(spec.training),
        )


class CanaryOut(BaseModel):
    """A version on trial."""

    version: int
    share: float = Field(description="Of the callers, who are answered by it.")
    state: Literal["on_trial", "given_up"]
    reason: str | None = Field(description="Why it was given up; null while it is tried.")

    @classmethod
    def of(cls, canary: CanaryModel) -> Self:
        """Say how a trial stands."""
        trial = canary.trial
        return cls(
            version=trial.version,
            share=trial.terms.share,
            state="given_up" if trial.problem else "on_trial",
            reason=trial.problem,
        )


class ModelOut(BaseModel):
    """A model this gateway is set up to serve."""

    name: str
    state: Literal["available", "unavailable"]
    reason: str | None = Field(description="Why the model is not available; null when it is.")
    version: ModelVersionOut | None = Field(description="null before any version answered.")
    canary: CanaryOut | None = Field(description="null where no version is labelled canary.")

    @classmethod
    def of(cls, state: ModelState) -> Self:
        """Say a model's state."""
        return cls(
            name=state.name,
            state="unavailable" if state.problem else "available",
            reason=state.problem,
            version=None if state.model is None else ModelVersionOut.of(state.model),
            canary=None if state.canary is None else CanaryOut.of(state.canary),
        )


class ModelsOut(BaseModel):
    """All models."""

    models: list[ModelOut]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reason: str = Field(description="Stable name of the failure.")
    request_id: str = Field(description="The call's own, as in the header X-Request-ID and in our log.")
    errors: list[ViolationOut] | None = Field(default=None, description="Rows at fault, 20 at most.")


def _duration(spec: ForecastSpec) -> str:
    """The length of a step as ISO 8601 says it."""
    return f"PT{spec.resolution_s // 60}M"
