"""The shipped models as a BentoML service, which looks after the whole of the data: kW in, kW out.

`GATEWAY_ENGINE=bentoml` puts it behind the gateway. `bentoml serve services.bento.service:Forecasts` starts
it, where there is what requirements/bentoml.txt names; the models are below `BENTO_MODELS`, or `models/`.
"""

import os
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import NotFound
from pydantic import BaseModel, Field

from pipelines.preprocessing.series import MAX_STEPS
from services.serving.forecaster import Forecaster, load


class Window(BaseModel):
    """As many steps as the model sees."""

    start_s: int
    """Start of the first, seconds since 1970-01-01 UTC."""
    kw: list[float] = Field(max_length=MAX_STEPS)
    """Mean power of each, oldest first."""


# One process: a model's threads are TensorFlow's. Deadlines and logs of calls are the gateway's business.
@bentoml.service(
    name="wattgate-forecasts",
    workers=1,
    traffic={"timeout": 60, "max_concurrency": 100},
    logging={"access": {"enabled": False}},
)
class Forecasts:
    """What the gateway asks of BentoML; services/gateway/adapters/bento.py is the other end."""

    def __init__(self) -> None:
        """Load and warm every version there is."""
        self._versions = {
            (folder.parent.name, int(folder.name)): Forecaster(load(folder))
            for folder in sorted(Path(os.environ.get("BENTO_MODELS", "models")).glob("*/*"))
        }

    @bentoml.api
    def versions(self, model: str) -> list[int]:
        """The versions of a model."""
        return [version for name, version in self._versions if name == model]

    @bentoml.api
    def spec(self, model: str, version: int) -> dict[str, Any]:
        """The forecast spec of one of them."""
        return self._found(model, version).spec.model_dump(mode="json")

    @bentoml.api
    def forecast(self, model: str, version: int, signature: str, windows: list[Window]) -> list[list[float]]:
        """The steps that follow each window, kW."""
        asked = [(window.start_s, window.kw) for window in windows]
        loads_kw: list[list[float]] = self._found(model, version).forecast_kw(signature, asked).tolist()
        return loads_kw

    def _found(self, model: str, version: int) -> Forecaster:
        try:
            return self._versions[model, version]
        except KeyError:
            raise NotFound("There is no such version") from None
