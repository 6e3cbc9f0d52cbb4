"""gRPC edge: tensorflow.serving.PredictionService."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, GetModelMetadataResponse
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from services.serving import batching
from services.serving.inference import classify, multi_inference, regress
from services.serving.metadata import metadata
from services.serving.predict import predict
from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import StatusError


def handlers(repository: Repository, runs: Executor, *, packed: bool) -> grpc.GenericRpcHandler:
    """The service's methods.

    Models run on `runs`; what needs no model is answered on the event loop, so that a busy server can be
    asked too. `packed` answers tensors in `tensor_content`.
    """

    def on_runs(
        use_case: Callable[[Repository, Any], Message], request: type[Message]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        async def answer(message: Any, context: Context) -> Message:
            expires_at = _expiry(context)

            def work() -> Message:
                if time.monotonic() >= expires_at:
                    raise StatusError(
                        grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline passed before the model ran"
                    )
                with batching.waited_for_until(expires_at):
                    return use_case(repository, message)

            return await asyncio.get_running_loop().run_in_executor(runs, work)

        return unary(answer, request)

    async def get_model_metadata(request: GetModelMetadataRequest, _: Context) -> GetModelMetadataResponse:
        return metadata(repository, request)

    return grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService",
        {
            "Predict": on_runs(partial(predict, packed=packed), PredictRequest),
            "Classify": on_runs(classify, ClassificationRequest),
            "Regress": on_runs(regress, RegressionRequest),
            "MultiInference": on_runs(multi_inference, MultiInferenceRequest),
            "GetModelMetadata": unary(get_model_metadata, GetModelMetadataRequest),
        },
    )


def _expiry(context: Context) -> float:
    """When the caller stops waiting, on the monotonic clock."""
    left_s = context.time_remaining()
    return time.monotonic() + left_s if left_s is not None else float("inf")
