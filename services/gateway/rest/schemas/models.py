"""What is served, and how good it is."""

from typing import Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
)

from pipelines.evaluation.backtest import Report
from pipelines.spec import TrainingRecord
from services.gateway.models import CanaryModel, ModelState, ServedModel


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
            resolution=spec.resolution,
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
    default_model: str = Field(
        description="Answers `POST /predict`, which names none; clients ask it for callers who name none."
    )
    gateway_version: str
