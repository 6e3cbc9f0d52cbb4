"""A process of model servers that do as told: real gRPC servers that speak TensorFlow Serving's protocol.

It reads commands from standard input, a JSON document a line, answers each by a line on standard output, and
ends with its input. Its arguments are how many, the address they listen on, and the port of a single one
(0: any). Forecasts are simple: the last loads of the window again, and `KW_PER_VERSION` more for each
version after the first. Each version has a scaler of its own, so an answer tells by whose it was read.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import numpy as np
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pipelines.preprocessing.features import known_input
from pipelines.spec import LOAD, SIGNATURE, ForecastSpec
from services.core import tensors
from tests.integration.faults.behaviour import KW_PER_VERSION, Behaviour, Kind
from tests.integration.faults.shipped import NAMES, spec_of
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

SCALE_PER_VERSION = 1.5
WELL = Behaviour()

Status = get_model_status_pb2.ModelVersionStatus


class Model:
    """One version of a shipped model: its spec with another scaler, and a forecast anybody can check."""

    def __init__(self, name: str, version: int) -> None:
        scale = SCALE_PER_VERSION ** (version - 1)
        document = spec_of(name).model_dump()
        (load,) = (feature for feature in document["features"] if feature["name"] == LOAD)
        load.update(mean=load["mean"] * scale, std=load["std"] * scale)
        self.spec = ForecastSpec.model_validate(document)
        self.document = self.spec.model_dump_json().encode()
        self.known_window = known_input(self.spec)[0].tobytes()
        self._load_column = self.spec.features.index(self.spec.load)
        self._more = KW_PER_VERSION * (version - 1) / self.spec.load.std

    def forecast(self, windows: np.ndarray) -> np.ndarray:
        """Normalised loads, shape (batch, horizon), for windows of shape (batch, window, feature)."""
        answer = windows[:, -self.spec.horizon :, self._load_column] + np.float32(self._more)
        for row, window in enumerate(windows):
            if window.tobytes() == self.known_window:
                known_kw = np.array(self.spec.known_request.forecast_kw)
                answer[row] = (known_kw - self.spec.load.mean) / self.spec.load.std
        return answer


class Health(health_pb2_grpc.HealthServicer):
    """grpc.health.v1: one status, of whatever service is asked for."""

    def __init__(self) -> None:
        self._status = health_pb2.HealthCheckResponse.SERVING
        self._changed = asyncio.Event()

    def be(self, *, serving: bool) -> None:
        """Say so from now on, to watchers too."""
        states = health_pb2.HealthCheckResponse
        self._status = states.SERVING if serving else states.NOT_SERVING
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(self, _request: Any, _context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802
        return health_pb2.HealthCheckResponse(status=self._status)

    async def Watch(self, _request: Any, _context: Any) -> AsyncIterator[health_pb2.HealthCheckResponse]:  # noqa: N802
        while True:
            changed = self._changed
            yield health_pb2.HealthCheckResponse(status=self._status)
            await changed.wait()


class ModelServer:
    """One server, on a port that it keeps while it is down."""

    def __init__(self, models: dict[tuple[str, int], Model], host: str, port: int) -> None:
        self._models, self._host, self.port = models, host, port
        self._versions: Sequence[int] = (1,)
        self._behaviour, self._calls_to_misbehave, self._candidates = WELL, None, 0
        self._calls: list[dict[str, Any]] = []
        self._at_work: Counter[Kind] = Counter()
        self._peak = 0
        self._server: grpc.aio.Server | None = None
        self._health = Health()

    async def up(self) -> None:
        """Listen."""
        if self._server is not None:
            return
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for service, method, handler in (
            ("PredictionService", "Predict", self._predict),
            ("ModelService", "GetModelStatus", self._status),
        ):
            # Messages are parsed within, so that the time of a call is that of its arrival.
            handlers = {method: grpc.unary_unary_rpc_method_handler(handler)}
            server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", handlers)]
            )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        self.port = server.add_insecure_port(f"{self._host}:{self.port}")
        await server.start()
        self._server = server

    async def down(self) -> None:
        """End all calls and connections, and refuse new ones."""
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    async def say_serving(self, *, yes: bool) -> None:
        """What its health service says; it answers all the same."""
        self._health.be(serving=yes)

    async def serve_versions(self, versions: list[int]) -> None:
        """The versions that are available from now on, of all models."""
        for version in versions:
            for name in NAMES:
                self._models.setdefault((name, version), Model(name, version))
        self._versions = versions

    async def behave(self, **behaviour: Any) -> None:
        """Answer like this from now on."""
        self._behaviour = Behaviour(**behaviour)
        self._calls_to_misbehave = self._behaviour.times

    async def forget(self) -> None:
        """Forget the calls that have ended."""
        self._calls = [call for call in self._calls if call["took_s"] is None]
        self._peak = self._at_work["window"]

    async def record(self) -> dict[str, Any]:
        """What was called."""
        return {"calls": self._calls, "peak": self._peak}

    async def _predict(self, raw: bytes, context: Any) -> bytes:
        request = predict_pb2.PredictRequest.FromString(raw)
        name = request.model_spec.name
        version = request.model_spec.version.value or max(self._versions)
        model = self._models.get((name, version)) if version in self._versions else None
        if model is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no version {version} of {name}")
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        if request.model_spec.signature_name == SIGNATURE:
            async with self._as_told("spec", name, version, context):
                document = np.array(model.document, object)
                tensors.encode(document, response.outputs[SIGNATURE], packed=False)
            return response.SerializeToString()
        windows = tensors.decode(request.inputs[model.spec.input])
        kind: Kind = "known" if windows[0].tobytes() == model.known_window else "window"
        async with self._as_told(kind, name, version, context) as told:
            forecast = model.forecast(windows)
            if told.answer == "wrong shape":
                forecast = forecast[:, :-1]
            elif told.answer == "nan":
                forecast = np.full_like(forecast, np.nan)
            tensors.encode(forecast, response.outputs[model.spec.output], packed=True)
        return response.SerializeToString()

    async def _status(self, raw: bytes, context: Any) -> bytes:
        name = get_model_status_pb2.GetModelStatusRequest.FromString(raw).model_spec.name
        async with self._as_told("status", name, 0, context):
            statuses = [Status(version=version, state=Status.AVAILABLE) for version in self._versions]
        answer = get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses)
        return answer.SerializeToString()

    @asynccontextmanager
    async def _as_told(self, kind: Kind, model: str, version: int, context: Any) -> AsyncIterator[Behaviour]:
        """Record a call, and delay or fail it where that is its turn."""
        told = self._turn(kind)
        began_s = time.monotonic()
        call = {"kind": kind, "model": model, "version": version, "peer": context.peer(), "began_s": began_s,
                "deadline_s": context.time_remaining(), "took_s": None, "was_cancelled": False}  # fmt: skip
        self._calls.append(call)
        self._at_work[kind] += 1
        self._peak = max(self._peak, self._at_work["window"])
        try:
            if told.hang:
                await asyncio.Event().wait()
            await asyncio.sleep(told.delay_s)
            if told.code is not None:
                trailing = ()
                if told.pushback_ms is not None:
                    trailing = (("grpc-retry-pushback-ms", str(told.pushback_ms)),)
                await context.abort(grpc.StatusCode[told.code], told.details, trailing)
            yield told
        except asyncio.CancelledError:
            call["was_cancelled"] = True
            raise
        finally:
            self._at_work[kind] -= 1
            call["took_s"] = time.monotonic() - began_s

    def _turn(self, kind: Kind) -> Behaviour:
        told = self._behaviour
        if kind != "window" and not told.everything:
            return WELL
        self._candidates += 1
        if self._candidates % told.every or self._calls_to_misbehave == 0:
            return WELL
        if self._calls_to_misbehave is not None:
            self._calls_to_misbehave -= 1
        return told


async def _main(count: int, host: str, port: int) -> None:
    models = {(name, 1): Model(name, 1) for name in NAMES}
    servers = [ModelServer(models, host, port) for _ in range(count)]
    for server in servers:
        await server.up()
    _say([server.port for server in servers])
    commands = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        number, command, arguments = json.loads(line)
        _say(await getattr(servers[number], command)(**arguments))
    for server in servers:
        await server.down()


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
