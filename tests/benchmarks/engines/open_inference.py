"""One ModelInfer of the Open Inference Protocol over gRPC, array in, array out, on one kept connection."""

import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessages
from numpy.typing import NDArray

MODEL, INPUT, OUTPUT = "gru", "window", "forecast"
"""Names that servers and clients of this protocol agree on."""

PROTO = Path(__file__).with_suffix(".proto")
SERVICE = "inference.GRPCInferenceService"
TIMEOUT_S = 30.0


def messages() -> dict[str, Any]:
    """The protocol's message classes by their full names."""
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "descriptors"
        # In a process of its own: beside TensorFlow the compiler crashes.
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", "-I", PROTO.parent, "-o", described, PROTO],
            check=True,
        )
        return GetMessages(FileDescriptorSet.FromString(described.read_bytes()).file)


class OpenInferencePredict:
    """GRPCInferenceService/ModelInfer, with the tensors as raw contents."""

    def __init__(self, target: str) -> None:
        self._messages = messages()
        self._channel = grpc.insecure_channel(target)
        self._infer = self._method("ModelInfer")
        self._ready = self._method("ModelReady")

    def _method(self, name: str) -> Any:
        return self._channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=self._messages[f"inference.{name}Request"].SerializeToString,
            response_deserializer=self._messages[f"inference.{name}Response"].FromString,
        )

    def ready(self) -> bool:
        """Whether the model answers yet."""
        try:
            return self._ready(self._messages["inference.ModelReadyRequest"](name=MODEL), timeout=5).ready
        except grpc.RpcError:
            return False

    def predict(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        request = self._messages["inference.ModelInferRequest"](
            model_name=MODEL, raw_input_contents=[window.astype("<f4", copy=False).tobytes()]
        )
        request.inputs.add(name=INPUT, datatype="FP32", shape=window.shape)
        answer = self._infer(request, timeout=TIMEOUT_S)
        return np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(answer.outputs[0].shape)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
