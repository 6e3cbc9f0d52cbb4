"""gRPC edge: grpc.health.v1.Health. Unlike TensorFlow Serving's, which always says SERVING, it tells."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

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

WATCH_S = 0.5
"""Seconds between two looks for a watcher."""


def handlers(repository: Repository, stop: asyncio.Event) -> grpc.GenericRpcHandler:
    """The service: SERVING while every configured model has an available version and `stop` is not set."""

    def answer(service: str) -> HealthCheckResponse:
        if service not in SERVICES:
            return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        if repository.is_ready() and not stop.is_set():
            return HealthCheckResponse(status=HealthCheckResponse.SERVING)
        return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)

    async def check(request: HealthCheckRequest, _: Context) -> HealthCheckResponse:
        now = answer(request.service)
        if now.status == HealthCheckResponse.SERVICE_UNKNOWN:
            raise not_found(f"unknown service {request.service}")
        return now

    async def watch(raw: bytes, context: Context) -> AsyncIterator[bytes]:
        try:
            service = HealthCheckRequest.FromString(raw).service
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, "Error parsing grpc.health.v1.HealthCheckRequest")
        said = None
        while True:
            # Read once: the last answer of a stopping server must be that it stops.
            is_last, now = stop.is_set(), answer(service)
            if now != said:
                yield now.SerializeToString()
                said = now
            if is_last:
                return  # or the watchers would be waited for
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_S)

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {"Check": unary(check, HealthCheckRequest), "Watch": grpc.unary_stream_rpc_method_handler(watch)},
    )
