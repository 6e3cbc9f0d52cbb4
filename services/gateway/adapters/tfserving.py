"""TensorFlow Serving's calls as the gateway makes them; its failures become ours."""

import asyncio
import re

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from services.core import tensors
from services.core.errors import ModelFailedError, RefusedError
from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.grpc_calls import call, ours, versions
from services.gateway.adapters.targets import MAX_ANSWER_BYTES
from services.gateway.adapters.tensor_server import TensorServer
from services.gateway.models import CANARY, STABLE
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

_OF_THE_REQUEST = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""Codes of refusals that are the request's fault."""

_PATH = re.compile(r"(?<![\w/.)\]}])/(?!job:)\w|\w://|\b[A-Za-z]:\\")
_MAX_WORDS_BYTES = 1024
"""Of a message: gRPC drops trailers over 8 kB, and they carry it twice."""


class TensorFlowServing(TensorServer):
    """The gateway's model server: stock TensorFlow Serving or the embedded one, one or several."""

    def __init__(self, balancer: Balancer) -> None:
        """Bind to channels that somebody else closes."""
        self._balancer = balancer

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """Those that GetModelStatus calls available."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        message = request.SerializeToString()
        return await versions(self._balancer, GET_MODEL_STATUS, message, _available, timeout_s=timeout_s)

    async def labels(self, model: str, *, timeout_s: float) -> dict[str, int]:
        """As GetModelStatus resolves them; of several servers that have other ones, the newest."""
        found = await asyncio.gather(*(self._labelled(model, label, timeout_s) for label in (STABLE, CANARY)))
        return {label: max(on) for label, on in zip((STABLE, CANARY), found, strict=True) if on}

    async def _labelled(self, model: str, label: str, timeout_s: float) -> set[int]:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        request.model_spec.version_label = label
        answers = await self._balancer.call_each(
            GET_MODEL_STATUS, request.SerializeToString(), timeout_s=timeout_s
        )
        found = [_available(answer) for answer in answers if isinstance(answer, bytes)]
        if not found:
            for error in answers:
                # That a server does not know the label is an answer; anything else is none.
                assert isinstance(error, grpc.aio.AioRpcError)  # noqa: S101 - there was no other answer
                if error.code() not in _OF_THE_REQUEST:
                    raise ours(error, timeout_s) from error
        return set().union(*found)

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
        """By PredictionService/Predict."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.version.value = version
        request.model_spec.signature_name = signature
        request.output_filter.append(output)
        for name, array in inputs.items():
            tensors.encode(array, request.inputs[name], packed=True)
        answer = await call(self._balancer, PREDICT, request.SerializeToString(), timeout_s=timeout_s)
        try:
            response = predict_pb2.PredictResponse.FromString(answer)
            if output not in response.outputs:
                raise ModelFailedError("The model server did not answer the output asked for")
            return tensors.decode(response.outputs[output], max_bytes=MAX_ANSWER_BYTES)
        except (DecodeError, tensors.InvalidTensorError) as error:
            raise ModelFailedError("The model server answered a tensor that cannot be read") from error

    async def forward(self, method: str, request: bytes, *, timeout_s: float) -> bytes:
        """The answer to a caller's own request; both as they came.

        Raises RefusedError with the model server's code and words where the request is at fault.
        """
        try:
            return await self._balancer.call(method, request, timeout_s=timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() in _OF_THE_REQUEST:
                raise RefusedError(error.code(), shown(error.details() or "")) from error
            raise ours(error, timeout_s) from error


def shown(words: str) -> str:
    """What a caller is shown of the model server's words: as much as fits, nothing where they name paths."""
    if _PATH.search(words):
        return "The model server's words for this name paths and are not shown; its log has them"
    return words.encode("utf-8", "replace")[:_MAX_WORDS_BYTES].decode("utf-8", "ignore")


def _available(answer: bytes) -> set[int]:
    """The versions that an answer to GetModelStatus calls available; none where it cannot be read."""
    try:
        status = get_model_status_pb2.GetModelStatusResponse.FromString(answer)
    except DecodeError:
        return set()
    state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    return {version.version for version in status.model_version_status if version.state == state}
