"""One Predict over each protocol of a model server, array in, array out, on one kept connection."""

import http.client
import json
import socket
import threading
from types import TracebackType
from typing import Protocol, Self

import grpc
import numpy as np
from numpy.typing import NDArray

from pipelines.spec import SIGNATURE, ForecastSpec
from services.core import tensors
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

TIMEOUT_S = 30.0


class PredictClient(Protocol):
    """What both do."""

    def encoded(self, model: str, signature: str, spec: ForecastSpec, window: NDArray[np.float32]) -> bytes:
        """The request for a window."""

    def exchange(self, request: bytes) -> bytes:
        """The answer to it, encoded too."""

    def decoded(self, answer: bytes, spec: ForecastSpec) -> NDArray[np.float32]:
        """The forecast in an answer."""

    def status(self, model: str) -> None:
        """Ask for the model's status: a call with next to nothing in it, and no model run."""


class _Predicts:
    def predict(
        self: PredictClient, model: str, signature: str, spec: ForecastSpec, window: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The forecast for a window."""
        return self.decoded(self.exchange(self.encoded(model, signature, spec, window)), spec)

    def __enter__(self) -> Self:
        return self


class GrpcPredict(_Predicts):
    """PredictionService/Predict."""

    def __init__(self, target: str) -> None:
        # A client of its own is a connection of its own.
        self._channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self._predict = self._channel.unary_unary(PREDICT)
        self._status = self._channel.unary_unary(GET_MODEL_STATUS)

    def spec(self, model: str) -> ForecastSpec:
        """The model's forecast spec."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, SIGNATURE
        answer = predict_pb2.PredictResponse.FromString(self.exchange(request.SerializeToString()))
        return ForecastSpec.model_validate_json(tensors.decode(answer.outputs[SIGNATURE]).item())

    def encoded(self, model: str, signature: str, spec: ForecastSpec, window: NDArray[np.float32]) -> bytes:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        tensors.encode(window, request.inputs[spec.input], packed=True)
        return request.SerializeToString()

    def exchange(self, request: bytes) -> bytes:
        return self._predict(request, timeout=TIMEOUT_S)

    def decoded(self, answer: bytes, spec: ForecastSpec) -> NDArray[np.float32]:
        return tensors.decode(predict_pb2.PredictResponse.FromString(answer).outputs[spec.output])

    def status(self, model: str) -> None:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        self._status(request.SerializeToString(), timeout=TIMEOUT_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


class HttpPredict(_Predicts):
    """POST /v1/models/NAME:predict, by the standard library's client, the leanest there is.

    Each thread has a connection of its own: HTTP/1.1 answers one request at a time.
    """

    def __init__(self, host: str, port: int, model: str) -> None:
        self._address, self._path = (host, port), f"/v1/models/{model}"
        self._threads = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def encoded(self, _model: str, signature: str, _spec: ForecastSpec, window: NDArray[np.float32]) -> bytes:
        return json.dumps({"signature_name": signature, "instances": window.tolist()}).encode()

    def exchange(self, request: bytes) -> bytes:
        return self._ask("POST", f"{self._path}:predict", request)

    def decoded(self, answer: bytes, _spec: ForecastSpec) -> NDArray[np.float32]:
        return np.array(json.loads(answer)["predictions"], dtype=np.float32)

    def status(self, _model: str) -> None:
        self._ask("GET", self._path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            self._connection().request(method, path, body, headers)
            response = self._connection().getresponse()
        except ConnectionError:
            # A server hangs up on who was idle for some seconds: once more, as any client does.
            del self._threads.connection
            self._connection().request(method, path, body, headers)
            response = self._connection().getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(json.loads(answer)["error"])
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        found = getattr(self._threads, "connection", None)
        if found is None:
            found = self._threads.connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
            found.connect()
            found.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._opened.append(found)
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._opened:
            connection.close()
