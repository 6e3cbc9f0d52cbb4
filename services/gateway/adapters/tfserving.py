"""TensorFlow Serving over one persistent gRPC channel; its failures become ours."""

import logging

import grpc
import grpc.aio
import numpy as np
from numpy.typing import NDArray

from services.core import tensors
from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError, ServiceError
from services.gateway.models import VersionGoneError
from wattgate.tfserving.methods import ModelServiceStub, PredictionServiceStub
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

log = logging.getLogger(__name__)

_CHANNEL_OPTIONS = (
    # Forecasts and specs are small; a model server that answers more is not one of ours.
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # The default waits up to two minutes between attempts to reconnect.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
)


def open_channel(target: str) -> grpc.aio.Channel:
    """The channel to a model server; made once, at start, and shared by all calls."""
    return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)


class TensorFlowServing:
    """The gateway's model server: stock TensorFlow Serving or the embedded one."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Bind to a channel that somebody else closes."""
        self._prediction = PredictionServiceStub(channel)
        self._status = ModelServiceStub(channel)

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """The available versions, the newest first; raises ModelUnavailableError where there is none."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        try:
            status = await self._status.GetModelStatus(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _ours(error, timeout_s) from error
        available = [
            version.version
            for version in status.model_version_status
            if version.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
        ]
        if not available:
            raise ModelUnavailableError("The model server has no version of the model available")
        return sorted(available, reverse=True)

    async def predict(
        self,
        model: str,
        version: int,
        signature: str,
        inputs: dict[str, NDArray[np.float32]],
        *,
        timeout_s: float,
    ) -> dict[str, NDArray[np.generic]]:
        """The outputs of one signature of one version, by name."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.version.value = version
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            tensors.encode(array, request.inputs[name], packed=True)
        try:
            response = await self._prediction.Predict(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _ours(error, timeout_s) from error
        try:
            return {name: tensors.decode(tensor) for name, tensor in response.outputs.items()}
        except tensors.InvalidTensorError as error:
            raise ModelFailedError("The model server answered a tensor that cannot be read") from error


def _ours(error: grpc.aio.AioRpcError, timeout_s: float) -> ServiceError:
    """What the caller is told of a failed call; the model server's own words stay in our log."""
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineError(f"The model server did not answer within {timeout_s:.1f} s")
    if code is grpc.StatusCode.NOT_FOUND:
        return VersionGoneError("The model server does not have this version of the model")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return ModelUnavailableError("The model server does not answer; try again in a moment")
    log.warning("model server: %s: %s", code.name, error.details())
    return ModelFailedError("The model server refused the request")
