"""Our own edge with the model in its process: what a forecast costs where nobody else has to be called.

The model runs in a thread, as FastAPI has all that is no coroutine run. GATEWAY_MODEL_SERVER is unix:MODELS.
"""

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.gateway import __main__, wiring
from services.gateway.adapters.engines import Engine
from services.gateway.adapters.tensor_server import TensorServer
from services.gateway.settings import Settings
from services.serving.forecaster import load
from tests.benchmarks.engines import MODEL, VERSION


class InProcess(TensorServer):
    """The one version."""

    def __init__(self, models: Path) -> None:
        self._model = load(models / MODEL / VERSION)

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        return [int(VERSION)]

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
        return (await asyncio.to_thread(self._model.run, signature, inputs))[output]

    async def close(self) -> None:
        """Nothing is open."""


def _open_engine(settings: Settings) -> Engine:
    model = InProcess(Path(settings.model_server.removeprefix("unix:")))
    return Engine(model, model.close)


if __name__ == "__main__":
    # The product has no such engine: it is what this is compared with.
    wiring.open_engine = _open_engine
    __main__.main()
