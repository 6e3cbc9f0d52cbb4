"""What each part of the gateway's work takes: its own functions, in process, on the benchmark's input."""

import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from numpy.typing import NDArray
from rich.progress import track
from starlette.requests import Request

from pipelines.postprocessing import Forecast, denormalise, forecast
from pipelines.preprocessing.features import model_input
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.window import Window, window_of
from pipelines.spec import ForecastSpec
from services.gateway.policy import FORECAST
from services.gateway.predict import Prediction
from services.gateway.rest import uploads
from services.gateway.rest.schemas.forecasts import ForecastOut
from services.gateway.rest.schemas.histories import ForecastOptions
from services.gateway.rpc.servicer import _response
from services.gateway.settings import Settings
from services.gateway.wiring import open_gateway
from services.local.home import Home
from tests.benchmarks.edge_clients import multipart
from tests.benchmarks.measure import WARM_UP

CALL_TIMEOUT_S = 5.0

Work = Callable[[], Awaitable[object]]


def parts(
    home: Home,
    model_server: str,
    models: tuple[str, ...],
    model: str,
    version: Path,
    csv: bytes,
    token: str,
    n: int,
) -> dict[str, list[float]]:
    """Time `n` rounds of each part, by turns, in seconds.

    `hop` is the whole call to the model server by the gateway's own adapter, `empty_hop` one that carries
    next to nothing and computes nothing; `model` is the model alone, without any server.
    """
    settings = Settings(
        tls_certificate=home.certificate,
        tls_key=home.key,
        token_key=home.token_key,
        database_url=home.database_url,
        model_server=model_server,
        models=models,
        default_model=model,
    )
    return uvloop.run(_parts(settings, model, version, csv, token, n))


async def _parts(
    settings: Settings, name: str, version: Path, csv: bytes, token: str, n: int
) -> dict[str, list[float]]:
    media_type, form = multipart(csv)
    async with open_gateway(settings) as gateway:
        server = gateway.engine.tfserving
        assert server is not None
        await gateway.models.refresh(name)
        model = gateway.models.served(name)
        spec = model.spec
        window = read_window(csv, spec)
        inputs = {spec.input: model_input(window.load, spec)}

        async def hop() -> NDArray[Any]:
            return await server.predict(
                name, model.version, model.signature, inputs, spec.output, timeout_s=CALL_TIMEOUT_S
            )

        output = (await hop())[0]

        def forecasted() -> Forecast:
            kw = denormalise(output, mean_kw=spec.load.mean, std_kw=spec.load.std)
            return forecast(kw, window.load, spec)

        prediction = Prediction(model, forecasted(), window)

        async def parse() -> object:
            return read_window(csv, spec)

        async def features() -> object:
            return model_input(window.load, spec)

        async def postprocess() -> object:
            return forecasted()

        async def reply() -> object:
            return ForecastOut.of(prediction).model_dump_json()

        async def rpc_reply() -> object:
            return _response(prediction).SerializeToString()

        options = ForecastOptions()
        works: dict[str, Work] = {
            "token": lambda: gateway.login.admit(token, FORECAST),
            "multipart": lambda: uploads.read_upload(_upload(media_type, form), len(form), options),
            "parse": parse,
            "features": features,
            "hop": hop,
            "empty_hop": lambda: server.available_versions(name, timeout_s=CALL_TIMEOUT_S),
            "postprocess": postprocess,
            "reply": reply,
            "rpc_reply": rpc_reply,
        }
        samples_s = await _by_turns(works, n)
    # By itself: its threads would take turns with those of the model server.
    saved_model = _saved_model(version)

    async def run_model() -> object:
        return saved_model.run(model.signature, inputs)

    return samples_s | await _by_turns({"model": run_model}, n)


def _saved_model(version: Path) -> Any:
    """The model itself; loading TensorFlow takes seconds and it says so at length."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from services.serving.saved_model import SavedModel

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return SavedModel(version)


def read_window(csv: bytes, spec: ForecastSpec) -> Window:
    """The last window of a meter file."""
    return window_of(read_meter_file(csv, zone=spec.zone), spec)


def _upload(media_type: str, body: bytes) -> Request:
    """A request as the server hands it to the application."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def _by_turns(works: dict[str, Work], n: int) -> dict[str, list[float]]:
    samples_s: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    for turn in track(range(WARM_UP + n), "Part by part", transient=True):
        for name in order:
            started = time.perf_counter()
            await works[name]()
            if turn >= WARM_UP:
                samples_s[name].append(time.perf_counter() - started)
        order.reverse()
    return samples_s
