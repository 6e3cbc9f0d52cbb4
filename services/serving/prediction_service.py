"""gRPC edge: tensorflow.serving.PredictionService."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, GetModelMetadataResponse
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from services.serving.inference import classify, multi_inference, regress
from services.serving.metadata import metadata
from services.serving.predict import predict
from services.serving.repository import Repository
from services.serving.rpc import Context, unary
from services.serving.status import StatusError


def handlers(repository: Repository, *, packed: bool) -> grpc.GenericRpcHandler:
    """The service's methods; `packed` answers tensors in `tensor_content`.

    gRPC cancels a call whose deadline passes: what waits for its turn then never runs.
    """

    def method(
        use_case: Callable[[Repository, Any], Awaitable[Message]], request: type[Message]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        async def answer(message: Any, context: Context) -> Message:
            left_s = context.time_remaining()
            if left_s is not None and left_s <= 0:
                raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline passed before the model ran")
            return await use_case(repository, message)

        return unary(answer, request)

    async def get_model_metadata(request: GetModelMetadataRequest, _: Context) -> GetModelMetadataResponse:
        return metadata(repository, request)

    return grpc.method_handlers_generic_handler(
        "tensorflow.serving.PredictionService",
        {
            "Predict": method(partial(predict, packed=packed), PredictRequest),
            "Classify": method(classify, ClassificationRequest),
            "Regress": method(regress, RegressionRequest),
            "MultiInference": method(multi_inference, MultiInferenceRequest),
            "GetModelMetadata": unary(get_model_metadata, GetModelMetadataRequest),
        },
    )
