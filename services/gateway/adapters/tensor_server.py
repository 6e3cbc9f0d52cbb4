"""What model servers have in common that take and answer tensors: the gateway makes them, and reads them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import batch_input
from pipelines.preprocessing.series import LoadSeries
from pipelines.spec import SIGNATURE, ForecastSpec
from services.core.errors import ModelFailedError
from services.core.telemetry import traces
from services.gateway.metrics import FEATURES_SECONDS, timed
from services.gateway.models import ServedModel


class TensorServer(ABC):
    """Forecasts by one call of `predict`, whatever the protocol."""

    @abstractmethod
    async def predict(
        self,
        model: str,
        version: int,
        signature: str,
        inputs: dict[str, NDArray[np.float32]],
        output: str,
        *,
        timeout_s: float,
    ) -> NDArray[np.generic]:
        """One output of one signature of one version.

        Raises VersionGoneError where the model server no longer has that version, and as `ModelServer` does.
        """

    async def labels(self, model: str, *, timeout_s: float) -> dict[str, int]:
        """None: only TensorFlow Serving's protocol knows labels."""
        return {}

    async def spec(self, model: str, version: int, *, timeout_s: float) -> ForecastSpec:
        """The answer of the signature that is there for it."""
        document = await self.predict(model, version, SIGNATURE, {}, SIGNATURE, timeout_s=timeout_s)
        return ForecastSpec.model_validate_json(document.item())

    async def forecast_kw(
        self, model: ServedModel, windows: Sequence[LoadSeries], *, timeout_s: float
    ) -> NDArray[np.float64]:
        """Loads as the model's tensor, and its answer in kW again."""
        spec = model.spec
        with traces.step("make model input"), timed(FEATURES_SECONDS):
            inputs = batch_input(windows, spec)
        answer = await self.predict(
            model.name, model.version, model.signature, {spec.input: inputs}, spec.output, timeout_s=timeout_s
        )
        if answer.shape != (len(inputs), spec.horizon) or answer.dtype != np.float32:
            raise ModelFailedError("The model server answered something that is not a forecast")
        normalised = answer[: len(windows)].astype(np.float32, copy=False)
        return denormalise(normalised, mean_kw=spec.load.mean, std_kw=spec.load.std)
