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

# Forecasts and specs are small; a model server that answers more is not one of ours.
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
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
        output: str,
        *,
        timeout_s: float,
    ) -> NDArray[np.generic]:
        """One output of one signature of one version."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.version.value = version
        request.model_spec.signature_name = signature
        request.output_filter.append(output)
        for name, array in inputs.items():
            tensors.encode(array, request.inputs[name], packed=True)
        try:
            response = await self._prediction.Predict(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _ours(error, timeout_s) from error
        if output not in response.outputs:
            raise ModelFailedError("The model server did not answer the output asked for")
        try:
            return tensors.decode(response.outputs[output], max_bytes=_MAX_ANSWER_BYTES)
        except tensors.InvalidTensorError as error:
            raise ModelFailedError("The model server answered a tensor that cannot be read") from error


def _ours(error: grpc.aio.AioRpcError, timeout_s: float) -> ServiceError:
    """What the caller is told of a failed call; the model server's own words are a note for our log."""
    code = error.code()
    ours: ServiceError
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        ours = DeadlineError(f"The model server did not answer within {timeout_s:.1f} s")
    elif code is grpc.StatusCode.NOT_FOUND:
        ours = VersionGoneError("The model server does not have this version of the model")
    elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        ours = ModelUnavailableError("The model server does not answer; try again in a moment")
    else:
        log.warning("model server: %s: %s", code.name, error.details())
        ours = ModelFailedError("The model server refused the request")
    ours.add_note(f"{code.name}: {error.details()}")
    return ours
