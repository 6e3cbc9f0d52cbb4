"""TensorFlow Serving's RPCs over our own wire-compatible messages.

Only the method path and field numbers are on the wire, so these stubs talk to any server that speaks
TensorFlow Serving's protocol, without its 540 MB of imports.
"""

from typing import Any

import grpc
import grpc.aio

from wattgate.tfserving.v1 import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"

PREDICT = f"/{PREDICTION_SERVICE}/Predict"
GET_MODEL_METADATA = f"/{PREDICTION_SERVICE}/GetModelMetadata"
GET_MODEL_STATUS = f"/{MODEL_SERVICE}/GetModelStatus"

DEFAULT_SIGNATURE = "serving_default"
"""What a request without a signature's name means."""


class PredictionServiceStub:
    """Client of tensorflow.serving.PredictionService, on a blocking or an asyncio channel."""

    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None:
        """Bind the methods to a channel; what they answer is to be awaited on an asyncio one."""
        self.Predict: Any = channel.unary_unary(
            PREDICT,
            request_serializer=predict_pb2.PredictRequest.SerializeToString,
            response_deserializer=predict_pb2.PredictResponse.FromString,
        )
        self.GetModelMetadata: Any = channel.unary_unary(
            GET_MODEL_METADATA,
            request_serializer=get_model_metadata_pb2.GetModelMetadataRequest.SerializeToString,
            response_deserializer=get_model_metadata_pb2.GetModelMetadataResponse.FromString,
        )


class ModelServiceStub:
    """Client of tensorflow.serving.ModelService, on a blocking or an asyncio channel."""

    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None:
        """Bind the methods to a channel; what they answer is to be awaited on an asyncio one."""
        self.GetModelStatus: Any = channel.unary_unary(
            GET_MODEL_STATUS,
            request_serializer=get_model_status_pb2.GetModelStatusRequest.SerializeToString,
            response_deserializer=get_model_status_pb2.GetModelStatusResponse.FromString,
        )
