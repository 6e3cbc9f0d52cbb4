"""One forecast over each edge of a gateway, meter file in, kW out, on one kept connection."""

import json
import re
import socket
import ssl
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.servers import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

TIMEOUT_S = 30.0
WEEK = 7 * 96
HOSTNAME = "localhost"
"""The one that the certificate is for."""

_RECEIVED_AT_ONCE = 64 * 1024
_BOUNDARY = b"------------------------d74496d66958873e"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Read once, as gRPC does: whoever opens many connections would not read it for each."""
    return ssl.create_default_context(cafile=ca_file)


class HttpsCall:
    """A request that is put together once, and sent as often as asked over one TLS connection.

    A socket and no more: what a client library takes is not the gateway's.
    """

    def __init__(
        self, host: str, port: int, ca_file: Path | None, request: bytes, *, name: str = HOSTNAME
    ) -> None:
        """Connect to who has a certificate of that name."""
        self._address, self._trust, self._name, self._request = (host, port), _trust(ca_file), name, request
        self._socket = self._connected()

    def _connected(self) -> ssl.SSLSocket:
        plain = socket.create_connection(self._address, timeout=TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._trust.wrap_socket(plain, server_hostname=self._name)

    def reply(self) -> tuple[bytes, bytes]:
        """Head and body of the answer. Raises RuntimeError for any status but 200."""
        try:
            return self._exchanged()
        except (ConnectionError, ssl.SSLEOFError):
            # A server hangs up on who was idle for some seconds: once more, as any client does.
            self._socket.close()
            self._socket = self._connected()
            return self._exchanged()

    def _exchanged(self) -> tuple[bytes, bytes]:
        self._socket.sendall(self._request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[: end + 4], received[end + 4 :]
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or not length:
            raise RuntimeError(received.decode(errors="replace"))
        while len(body) < int(length[1]):
            body += self._receive()
        return head, body

    def forecast(self) -> NDArray[np.float64]:
        """The eight values, of either form of the answer, kW."""
        answer = json.loads(self.reply()[1])
        return np.array(answer if isinstance(answer, list) else [step["kw"] for step in answer["steps"]])

    def _receive(self) -> bytes:
        data = self._socket.recv(_RECEIVED_AT_ONCE)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def request(path: str, token: str, media_type: str, body: bytes, *, host: str = HOSTNAME) -> bytes:
    """A whole POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\nAccept: */*\r\n\r\n"
    )
    return head.encode() + body


def last_week() -> bytes:
    """The end of the sample, as much as a model sees."""
    header, *rows = SAMPLE.read_bytes().splitlines(keepends=True)
    return b"".join([header, *rows[-WEEK:]])


def csv_request(model: str, token: str, csv: bytes, *, host: str = HOSTNAME) -> bytes:
    """The full call, as POST /v1/models/MODEL:forecast takes a CSV."""
    return request(f"/v1/models/{model}:forecast", token, "text/csv", csv, host=host)


def multipart(csv: bytes) -> tuple[str, bytes]:
    """Media type and body of a form with the one field `file`, as curl sends it."""
    head = (
        b'Content-Disposition: form-data; name="file"; filename="load.csv"\r\nContent-Type: text/csv\r\n\r\n'
    )
    body = b"--" + _BOUNDARY + b"\r\n" + head + csv + b"\r\n--" + _BOUNDARY + b"--\r\n"
    return f"multipart/form-data; boundary={_BOUNDARY.decode()}", body


def upload_request(model: str, token: str, csv: bytes) -> bytes:
    """The thesis' call, as POST /predict/MODEL takes an upload."""
    return request(f"/predict/{model}", token, *multipart(csv))


class GrpcForecast:
    """ForecastService/Forecast by a blocking stub, over TLS, with a token."""

    def __init__(self, target: str, ca_file: Path | None, token: str, *, name: str | None = HOSTNAME) -> None:
        """Open a channel of its own connection to who has a certificate of that name, None: the target's."""
        self._channel = grpc.secure_channel(
            target,
            grpc.ssl_channel_credentials(ca_file.read_bytes() if ca_file else None),
            options=[
                *([("grpc.ssl_target_name_override", name)] if name else []),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self._stub = ForecastServiceStub(self._channel)
        self._metadata: Any = [("authorization", f"Bearer {token}")]

    def forecast(self, model: str, csv: bytes) -> NDArray[np.float64]:
        """The eight values, kW."""
        message = pb.ForecastRequest(model=model, file=pb.MeterFile(csv=csv))
        answer = self._stub.Forecast(message, metadata=self._metadata, timeout=TIMEOUT_S)
        return np.array([step.kw for step in answer.steps])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
