"""LitServe with what the gateway's BentoML adapter asks for: like BentoML it has HTTP alone."""

import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import litserve

from services.serving.forecaster import Forecaster, load, spec_of
from services.serving.saved_model import SavedModel
from tests.benchmarks.engines import MODEL, VERSION

PORT, MODELS = sys.argv[1:]
FOLDER = Path(MODELS, MODEL, VERSION)


class Forecasts(litserve.LitAPI):
    """Runs in a process of its own, so it loads the model there."""

    def setup(self, device: str) -> None:
        self._forecaster = Forecaster(load(FOLDER))

    def predict(self, asked: dict[str, Any]) -> list[list[float]]:
        windows = [(window["start_s"], window["kw"]) for window in asked["windows"]]
        return self._forecaster.forecast_kw(asked["signature"], windows).tolist()


def _spec() -> dict[str, Any]:
    return spec_of(SavedModel(FOLDER)).model_dump(mode="json")


if __name__ == "__main__":
    with get_context("spawn").Pool(1) as other:
        spec = other.apply(_spec)
    server = litserve.LitServer(
        Forecasts(api_path="/forecast"), accelerator="cpu", workers_per_device=1, fast_queue=True
    )
    server.app.post("/versions")(lambda: [int(VERSION)])
    server.app.post("/spec")(lambda: spec)
    server.run(host="127.0.0.1", port=int(PORT), generate_client_file=False, log_level="warning")
