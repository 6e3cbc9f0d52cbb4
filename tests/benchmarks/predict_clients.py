"""One Predict over each protocol of a model server, array in, array out, on one kept connection."""

import http.client
import json
import socket
from types import TracebackType
from typing import Self

import grpc
import numpy as np
from numpy.typing import NDArray

from pipelines.spec import SIGNATURE, ForecastSpec
from services.core import tensors
from wattgate.tfserving.methods import PredictionServiceStub
from wattgate.tfserving.v1 import predict_pb2

TIMEOUT_S = 30.0


class GrpcPredict:
    """PredictionService/Predict."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target)
        self._stub = PredictionServiceStub(self._channel)

    def spec(self, model: str) -> ForecastSpec:
        """The model's forecast spec."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, SIGNATURE
        answer = self._stub.Predict(request, timeout=TIMEOUT_S)
        return ForecastSpec.model_validate_json(tensors.decode(answer.outputs[SIGNATURE]).item())

    def predict(
        self, model: str, signature: str, spec: ForecastSpec, window: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        tensors.encode(window, request.inputs[spec.input], packed=True)
        answer = self._stub.Predict(request, timeout=TIMEOUT_S)
        return tensors.decode(answer.outputs[spec.output])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


class HttpPredict:
    """POST /v1/models/NAME:predict, by the standard library's client, the leanest there is."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def predict(
        self, model: str, signature: str, _spec: ForecastSpec, window: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        body = json.dumps({"signature_name": signature, "instances": window.tolist()})
        self._connection.request(
            "POST", f"/v1/models/{model}:predict", body, {"Content-Type": "application/json"}
        )
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != http.client.OK:
            raise RuntimeError(answer["error"])
        return np.array(answer["predictions"], dtype=np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
