"""gRPC edge: tensorflow.serving.PredictionService."""

import asyncio
import time
from concurrent.futures import Executor

import grpc
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from services.serving.predict import predict
from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import StatusError, invalid

SIGNATURE_DEF = "signature_def"
"""The one metadata field there is."""


def handlers(repository: Repository, runs: Executor, *, packed: bool) -> grpc.GenericRpcHandler:
    """The service's methods; those not among them answer UNIMPLEMENTED.

    Models run on `runs`; what needs no model is answered on the event loop, so that a busy server can be
    asked too. `packed` answers tensors in `tensor_content`.
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

    return grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService",
        {
            "Predict": unary(run_predict, PredictRequest),
            "GetModelMetadata": unary(get_model_metadata, GetModelMetadataRequest),
        },
    )


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


def _expiry(context: Context) -> float:
    """When the caller stops waiting, on the monotonic clock."""
    left_s = context.time_remaining()
    return time.monotonic() + left_s if left_s is not None else float("inf")
