"""TensorFlow Serving's calls as the gateway makes them; its failures become ours."""

import logging
import re
from functools import reduce

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from services.core import tensors
from services.core.errors import (
    DeadlineError,
    ModelFailedError,
    ModelUnavailableError,
    RefusedError,
    ServiceError,
)
from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.targets import MAX_ANSWER_BYTES
from services.gateway.models import VersionGoneError
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

log = logging.getLogger(__name__)

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


class TensorFlowServing:
    """The gateway's model server: stock TensorFlow Serving or the embedded one, one or several."""

    def __init__(self, balancer: Balancer) -> None:
        """Bind to channels that somebody else closes."""
        self._balancer = balancer

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """The available versions, the newest first; raises ModelUnavailableError where there is none.

        Of several model servers those that all have, where there are such: while a version is rolled out
        server by server, calls must not depend on whom they meet.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        answers = await self._balancer.call_each(
            GET_MODEL_STATUS, request.SerializeToString(), timeout_s=timeout_s
        )
        found = [_available(answer) for answer in answers if isinstance(answer, bytes)]
        if not found:
            for error in answers:
                assert isinstance(error, grpc.aio.AioRpcError)  # noqa: S101 - there was no other answer
                raise ours(error, timeout_s) from error
            raise ModelUnavailableError("The model server does not answer; try again in a moment")
        versions = reduce(set.intersection, found) or set().union(*found)
        if not versions:
            raise ModelUnavailableError("The model server has no version of the model available")
        return sorted(versions, reverse=True)

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
            answer = await self._balancer.call(PREDICT, request.SerializeToString(), timeout_s=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise ours(error, timeout_s) from error
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


def ours(error: grpc.aio.AioRpcError, timeout_s: float) -> ServiceError:
    """What the caller is told of a failed call; the model server's own words are a note for our log."""
    code = error.code()
    said: ServiceError
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        said = DeadlineError(f"The model server did not answer within {timeout_s:.1f} s")
    elif code is grpc.StatusCode.NOT_FOUND:
        said = VersionGoneError("The model server does not have this version of the model")
    elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        said = ModelUnavailableError("The model server does not answer; try again in a moment")
    else:
        log.warning("model server: %s: %s", code.name, error.details())
        said = ModelFailedError("The model server refused the request")
    said.add_note(f"{code.name}: {error.details()}")
    return said
