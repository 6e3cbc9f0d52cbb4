"""What is counted of requests and model runs, under TensorFlow Serving's names, and where it can be read."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from services.serving import config_messages
from services.serving.metrics import CONTENT_TYPE, Counter, Histogram

DEFAULT_PATH = "/monitoring/prometheus/metrics"

UNKNOWN_MODEL = "unknown"
"""What a model that is not served is counted as: callers must not make up series."""

RUNTIME = "TF1"
"""What TensorFlow Serving calls a session."""

_PREFIX = "/tensorflow.serving.PredictionService/"
_REQUESTS: dict[str, type[Message]] = {
    "Predict": PredictRequest,
    "Classify": ClassificationRequest,
    "Regress": RegressionRequest,
    "MultiInference": MultiInferenceRequest,
}
_REST_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)[^:]*:(?P<verb>predict|classify|regress)", re.IGNORECASE)
_CODES = {
    HTTPStatus.OK: "OK",
    HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.CONFLICT: "ABORTED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RESOURCE_EXHAUSTED",
    HTTPStatus.TOO_MANY_REQUESTS: "RESOURCE_EXHAUSTED",
    HTTPStatus.NOT_IMPLEMENTED: "UNIMPLEMENTED",
    HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
    HTTPStatus.GATEWAY_TIMEOUT: "DEADLINE_EXCEEDED",
}
"""A REST answer's status, as near as HTTP tells it; every other one is INTERNAL."""


@dataclass(frozen=True)
class Monitoring:
    """What a monitoring config file asks for."""

    path: str
    """Where REST answers the metrics; empty: nowhere."""


def read(path: Path) -> Monitoring:
    """Read a text-format MonitoringConfig.

    Raises StatusError: NOT_FOUND for a file that cannot be read, INVALID_ARGUMENT for one that does not
    parse.
    """
    prometheus = config_messages.read(path, "MonitoringConfig").prometheus_config
    return Monitoring((prometheus.path or DEFAULT_PATH) if prometheus.enable else "")


class Metrics:
    """The series, by model. Only the names of models that are served become labels."""

    def __init__(self, is_served: Callable[[str], bool]) -> None:
        """Everything starts at nothing."""
        self._is_served = is_served
        self._count = Counter("/tensorflow/serving/request_count", ("model_name", "status"))
        self._latency = Histogram("/tensorflow/serving/request_latency", ("model_name", "API", "entrypoint"))
        self._runtime = Histogram("/tensorflow/serving/runtime_latency", ("model_name", "API", "runtime"))

    def answered(self, model: str, api: str, entrypoint: str, status: str, latency_s: float) -> None:
        """A request was; its latency counts where it was answered well, as upstream."""
        name = model if self._is_served(model) else UNKNOWN_MODEL
        self._count.add(name, status)
        if status == "OK":
            self._latency.add(latency_s, name, api, entrypoint)

    def ran(self, model: str, api: str, latency_s: float) -> None:
        """A model did, together with others or not; `model` is served."""
        self._runtime.add(latency_s, model, api, RUNTIME)

    def count(self, name: str) -> int:
        """What the counter of this name, with slashes, has come to; 0 where there is none."""
        return self._count.total() if name == self._count.name else 0

    def text(self) -> str:
        """All of it in Prometheus' text format."""
        lines = [line for series in (self._count, self._latency, self._runtime) for line in series.lines()]
        return "\n".join(lines) + "\n"


class GrpcMonitor(grpc.aio.ServerInterceptor):
    """Counts the calls of PredictionService that run a model."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into `metrics`."""
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of such a call."""
        handler = await continuation(handler_call_details)
        api = str(handler_call_details.method).removeprefix(_PREFIX)
        if handler is None or api not in _REQUESTS:
            return handler
        answer = handler.unary_unary

        async def counted(raw: bytes, context: Any) -> Any:
            began = time.perf_counter()
            status = "UNKNOWN"
            try:
                response = await answer(raw, context)
                status = "OK"
                return response
            except asyncio.CancelledError:
                status = "CANCELLED"
                raise
            except grpc.aio.AbortError:
                status = _name(context.code())
                raise
            finally:
                self._metrics.answered(_model(api, raw), api, "GRPC", status, time.perf_counter() - began)

        return grpc.unary_unary_rpc_method_handler(counted, response_serializer=handler.response_serializer)


def rest_monitor(app: ASGIApp, metrics: Metrics, path: str) -> ASGIApp:
    """Answer the metrics at `path`, leave everything else to `app` and count what ran a model."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == path:
            await Response(metrics.text(), media_type=CONTENT_TYPE)(scope, receive, send)
            return
        match = _REST_PATH.fullmatch(scope.get("path", ""))
        if not match or scope.get("method") != "POST":
            await app(scope, receive, send)
            return
        began = time.perf_counter()
        status = "CANCELLED"

        async def noting(message: AsgiMessage) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = _CODES.get(message["status"], "INTERNAL")
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            metrics.answered(
                match["name"], match["verb"].capitalize(), "REST", status, time.perf_counter() - began
            )

    return answer


def _model(api: str, raw: bytes) -> str:
    """The model that a request names, where it can be read."""
    try:
        request: Any = _REQUESTS[api].FromString(raw)
    except DecodeError:
        return ""
    if api == "MultiInference":
        return str(request.tasks[0].model_spec.name) if request.tasks else ""
    return str(request.model_spec.name)


def _name(code: Any) -> str:
    """gRPC's asyncio says a status as a StatusCode or as its number."""
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")
