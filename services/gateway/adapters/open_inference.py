"""The Open Inference Protocol's calls as the gateway makes them: Triton, KServe and MLServer speak it."""

import struct

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from services.core.errors import ModelFailedError
from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.grpc_calls import call, versions
from services.gateway.adapters.tensor_server import TensorServer
from wattgate.openinference.methods import MODEL_INFER, MODEL_METADATA, SIGNATURE
from wattgate.openinference.v2 import inference_pb2

UNVERSIONED = 0
"""Stands for the one version of a server that keeps none."""

_MOST_DIGITS = 19
_FLOATS = np.dtype("<f4")
_LENGTH = struct.Struct("<I")


class OpenInference(TensorServer):
    """One or several servers of the protocol, version 2, over gRPC."""

    def __init__(self, balancer: Balancer) -> None:
        """Bind to channels that somebody else closes."""
        self._balancer = balancer

    async def available_versions(self, model: str, *, timeout_s: float) -> list[int]:
        """Those that ModelMetadata names."""
        message = inference_pb2.ModelMetadataRequest(name=model).SerializeToString()
        return await versions(self._balancer, MODEL_METADATA, message, _available, timeout_s=timeout_s)

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
        """By ModelInfer; the signature is a parameter of the request."""
        request = inference_pb2.ModelInferRequest(model_name=model)
        if version != UNVERSIONED:
            request.model_version = str(version)
        request.parameters[SIGNATURE].string_param = signature
        request.outputs.add(name=output)
        for name, array in inputs.items():
            request.inputs.add(name=name, datatype="FP32", shape=array.shape)
            request.raw_input_contents.append(array.astype(_FLOATS, copy=False).tobytes())
        answer = await call(self._balancer, MODEL_INFER, request.SerializeToString(), timeout_s=timeout_s)
        try:
            return _decoded(inference_pb2.ModelInferResponse.FromString(answer), output)
        except (DecodeError, ValueError, IndexError, struct.error) as error:
            raise ModelFailedError("The model server answered a tensor that cannot be read") from error


def _available(answer: bytes) -> set[int]:
    """The versions that an answer to ModelMetadata calls ready; none where it cannot be read."""
    try:
        named = inference_pb2.ModelMetadataResponse.FromString(answer).versions
    except DecodeError:
        return set()
    return (
        {int(version) for version in named if len(version) < _MOST_DIGITS and version.isdecimal()}
        if named
        else {UNVERSIONED}
    )


def _decoded(response: inference_pb2.ModelInferResponse, output: str) -> NDArray[np.generic]:
    """An output by its name, float32 or one string. Raises ValueError, IndexError, struct.error."""
    for i, tensor in enumerate(response.outputs):
        if tensor.name == output:
            raw = response.raw_output_contents[i] if response.raw_output_contents else None
            return _array(tensor, raw)
    raise ValueError("the output asked for is not among those answered")


def _array(tensor: inference_pb2.InferTensor, raw: bytes | None) -> NDArray[np.generic]:
    if tensor.datatype == "FP32":
        values = (
            np.array(tensor.contents.fp32_contents, _FLOATS) if raw is None else np.frombuffer(raw, _FLOATS)
        )
        return values.reshape(tuple(tensor.shape))
    if tensor.datatype == "BYTES":
        if raw is None:
            (value,) = tensor.contents.bytes_contents
        else:
            (length,) = _LENGTH.unpack_from(raw)
            value = raw[_LENGTH.size : _LENGTH.size + length]
        return np.array(value, dtype=object)
    raise ValueError(f"of type {tensor.datatype}")
