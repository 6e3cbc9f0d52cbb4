"""gRPC edge: TensorFlow Serving's two services. Translates and decides nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
)
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from services.serving.predict import predict
from services.serving.repository import Repository
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

SIGNATURE_DEF = "signature_def"
"""The one metadata field there is."""

Context = grpc.aio.ServicerContext[Any, Any]


def handlers(repository: Repository, runs: Executor, *, packed: bool) -> list[grpc.GenericRpcHandler]:
    """The handlers of PredictionService and ModelService; methods not among them answer UNIMPLEMENTED.

    Models run on `runs`; what needs no model is answered on the event loop, so that status can be asked
    of a busy server. `packed` answers tensors in `tensor_content`.
    """

    async def run_predict(request: PredictRequest, context: Context) -> PredictResponse:
        expires_at = _expiry(context)

        def work() -> PredictResponse:
            if time.monotonic() >= expires_at:
                raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline passed before the model ran")
            return predict(repository, request, packed=packed)

        return await asyncio.get_running_loop().run_in_executor(runs, work)

    async def get_model_metadata(request: GetModelMetadataRequest, _: Context) -> GetModelMetadataResponse:
        return metadata(repository, request)

    async def get_model_status(request: GetModelStatusRequest, _: Context) -> GetModelStatusResponse:
        return status(repository, request)

    return [
        grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {
                "Predict": _unary(run_predict, PredictRequest),
                "GetModelMetadata": _unary(get_model_metadata, GetModelMetadataRequest),
            },
        ),
        grpc.method_handlers_generic_handler(
            "tensorflow.serving.ModelService",
            {"GetModelStatus": _unary(get_model_status, GetModelStatusRequest)},
        ),
    ]


def metadata(repository: Repository, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
    """The signatures of the version asked for.

    Raises StatusError: INVALID_ARGUMENT (no model_spec, no field, another field), or as `Repository.resolve`.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid(f"Metadata field {field} is not supported")
    version, model = repository.resolve(request.model_spec)
    response = GetModelMetadataResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.metadata[SIGNATURE_DEF].Pack(SignatureDefMap(signature_def=model.signatures))
    return response


def status(repository: Repository, request: GetModelStatusRequest) -> GetModelStatusResponse:
    """The state of one version, or of every version of a model.

    Raises StatusError: INVALID_ARGUMENT (no model_spec), NOT_FOUND (model, version).
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    response = GetModelStatusResponse()
    for version in repository.available(request.model_spec):
        known = response.model_version_status.add(version=version, state=ModelVersionStatus.AVAILABLE)
        known.status.SetInParent()  # OK is all zeros, yet clients look for the message
    return response


def _expiry(context: Context) -> float:
    """When the caller stops waiting, on the monotonic clock."""
    left_s = context.time_remaining()
    return time.monotonic() + left_s if left_s is not None else float("inf")


def _unary(
    answer: Callable[[Any, Context], Awaitable[Message]], request: type[Message]
) -> "grpc.RpcMethodHandler[Any, Any]":
    async def answered(raw: bytes, context: Context) -> Message:
        try:
            return await answer(request.FromString(raw), context)
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, f"Error parsing {request.DESCRIPTOR.full_name}")
        except StatusError as error:
            await context.abort(error.code, error.message)
        except Exception:  # a bug of ours: nothing of it leaves
            log.exception("bug while answering %s", request.DESCRIPTOR.full_name)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")

    # No request_deserializer: gRPC would tell the caller which Python exception a bad message raised.
    return grpc.unary_unary_rpc_method_handler(answered, response_serializer=_serialized)


def _serialized(response: Message) -> bytes:
    return response.SerializeToString()
