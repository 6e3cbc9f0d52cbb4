"""One ModelInfer of the Open Inference Protocol over gRPC, array in, array out, on one kept connection."""

from types import TracebackType
from typing import Self

import grpc
import numpy as np
from numpy.typing import NDArray

from wattgate.openinference.methods import MODEL_INFER, SIGNATURE
from wattgate.openinference.v2 import inference_pb2

TIMEOUT_S = 30.0


class OpenInferencePredict:
    """GRPCInferenceService/ModelInfer, with the tensors as raw contents."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target)
        self._infer = self._channel.unary_unary(
            MODEL_INFER,
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelInferResponse.FromString,
        )

    def predict(
        self, model: str, signature: str, name: str, window: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The first output of a signature of one input."""
        request = inference_pb2.ModelInferRequest(
            model_name=model, raw_input_contents=[window.astype("<f4", copy=False).tobytes()]
        )
        request.parameters[SIGNATURE].string_param = signature
        request.inputs.add(name=name, datatype="FP32", shape=window.shape)
        answer = self._infer(request, timeout=TIMEOUT_S)
        return np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(tuple(answer.outputs[0].shape))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
