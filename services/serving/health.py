"""gRPC edge: grpc.health.v1.Health. Unlike TensorFlow Serving's, which always says SERVING, it tells."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.serving import wire
from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import not_found

SERVICES = (
    "",
    "PredictionService",
    "ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
)
"""What can be asked for: the server, and its services by TensorFlow Serving's short names or in full."""

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3

WATCH_S = 0.5
"""Seconds between two looks for a watcher."""

_Request: Any = wire.message("HealthCheckRequest", [("service", wire.STRING)])
_Response: Any = wire.message("HealthCheckResponse", [("status", wire.INT32)])


def handlers(repository: Repository, stop: asyncio.Event) -> grpc.GenericRpcHandler:
    """The service: SERVING while every configured model has an available version and `stop` is not set."""

    def status(service: str) -> int:
        if service not in SERVICES:
            return SERVICE_UNKNOWN
        return SERVING if repository.is_ready() and not stop.is_set() else NOT_SERVING

    async def check(request: Any, _: Context) -> Any:
        now = status(request.service)
        if now == SERVICE_UNKNOWN:
            raise not_found(f"unknown service {request.service}")
        return _Response(status=now)

    async def watch(raw: bytes, context: Context) -> AsyncIterator[bytes]:
        try:
            service = _Request.FromString(raw).service
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, "Error parsing HealthCheckRequest")
        said = None
        while True:
            # Read once: the last answer of a stopping server must be that it stops.
            is_last, now = stop.is_set(), status(service)
            if now != said:
                yield _Response(status=now).SerializeToString()
                said = now
            if is_last:
                return  # or the watchers would be waited for
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {"Check": unary(check, _Request), "Watch": grpc.unary_stream_rpc_method_handler(watch)},
    )
