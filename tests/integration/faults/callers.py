"""Callers of both edges, as cheap as can be: they share the machine with what they load."""

import asyncio
import json
import math
import ssl
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from tests.data import week_file
from wattgate.forecast.v1 import forecast_service_pb2 as pb

HTTPS, RPC = "HTTPS", "gRPC"
EDGES = (HTTPS, RPC)
HORIZON = 8
PATIENCE_S = 2.0
"""How long after its time a call counts as lost."""
_METHOD = "/wattgate.forecast.v1.ForecastService/Forecast"
_DETAILS = "grpc-status-details-bin"
_LONGEST_IDLE_S = 3.0
"""uvicorn closes what is idle for 5 s: a request sent at that moment would be lost."""

Result = Literal["answered", "refused cleanly", "failed", "lost"]


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    edge: str
    result: Result
    code: str
    """HTTP status, or name of the gRPC status; the error's name where there was none."""
    reason: str
    """Of an error of the gateway's own; else empty."""
    began_s: float
    """time.monotonic() when it was sent."""
    took_s: float
    version: int = 0
    """Of the model that answered."""
    kw: tuple[float, ...] = ()
    detail: str = ""
    """The words of an error."""
    retry_after_s: float | None = None


class Callee(Protocol):
    """A gateway as its callers know it."""

    @property
    def https_address(self) -> tuple[str, int]: ...

    @property
    def name(self) -> str: ...

    @property
    def grpc_target(self) -> str: ...

    @property
    def ca_file(self) -> Path | None: ...

    @property
    def token(self) -> str: ...


class Callers:
    """Callers of one gateway with one token: kept TLS connections to HTTPS, one channel to gRPC."""

    def __init__(
        self, gateway: Callee, *, csv: bytes | None = None, model: str = "gru", cap_s: float = 3.0
    ) -> None:
        """`cap_s` is the gateway's longest time for a call."""
        csv, token = csv or week_file(), gateway.token
        self._gateway, self._cap_s = gateway, cap_s
        self._trust = ssl.create_default_context(cafile=gateway.ca_file)
        self._idle: deque[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._head = (
            f"POST /v1/models/{model}:forecast HTTP/1.1\r\nhost: {gateway.name}\r\ncontent-type: text/csv\r\n"
            f"authorization: Bearer {token}\r\ncontent-length: {len(csv)}\r\n"
        )
        self._csv = csv
        self._message = pb.ForecastRequest(model=model, file=pb.MeterFile(csv=csv)).SerializeToString()
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def __aenter__(self) -> Self:
        ca_file = self._gateway.ca_file
        trust = grpc.ssl_channel_credentials(ca_file.read_bytes() if ca_file else None)
        # A connection of its own, however many callers there are.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.secure_channel(self._gateway.grpc_target, trust, options)
        self._forecast = self._channel.unary_unary(
            _METHOD, response_deserializer=pb.ForecastResponse.FromString
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for _since, _reader, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()
        await self._channel.close(0)
        await asyncio.sleep(0)  # for the transports to close their sockets

    async def call(self, edge: str, *, timeout_s: float | None = None, header: str | None = None) -> Outcome:
        """Forecast; `timeout_s` is the caller's own deadline, None: the gateway's.

        `header` is sent in its place over HTTPS, whatever it is.
        """
        began_s = time.monotonic()
        patience_s = PATIENCE_S + min(self._cap_s, timeout_s or math.inf)
        if header is None and timeout_s is not None:
            header = str(timeout_s)
        if edge == HTTPS:
            try:
                async with asyncio.timeout(patience_s):
                    found = await self._over_https(header)
            except TimeoutError:
                found = {"result": "lost", "code": "no answer", "reason": ""}
            except (OSError, asyncio.IncompleteReadError) as error:
                found = {"result": "failed", "code": type(error).__name__, "reason": ""}
        else:
            found = await self._over_rpc(timeout_s, patience_s)
        return Outcome(edge=edge, began_s=began_s, took_s=time.monotonic() - began_s, **found)

    async def _over_https(self, own_timeout: str | None) -> dict[str, Any]:
        own = "" if own_timeout is None else f"x-request-timeout: {own_timeout}\r\n"
        reader, writer = await self._connection()
        try:
            writer.write(f"{self._head}{own}\r\n".encode() + self._csv)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.transport.abort()
            raise
        if headers.get("connection") == "close":
            writer.transport.abort()
        else:
            self._idle.append((time.monotonic(), reader, writer))
        status = int(lines[0].split(" ")[1])
        if status == 200:
            answer = json.loads(body)
            return _answered("200", answer["model_version"], [step["kw"] for step in answer["steps"]])
        problem = json.loads(body) if "json" in headers.get("content-type", "") else {}
        wait = headers.get("retry-after")
        return {
            "result": "refused cleanly" if status in {429, 503} and wait is not None else "failed",
            "code": str(status),
            "reason": problem.get("reason", ""),
            "detail": problem.get("detail", ""),
            "retry_after_s": None if wait is None else float(wait),
        }

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < _LONGEST_IDLE_S and not reader.at_eof():
                return reader, writer
            writer.transport.abort()
        return await asyncio.open_connection(
            *self._gateway.https_address, ssl=self._trust, server_hostname=self._gateway.name
        )

    async def _over_rpc(self, timeout_s: float | None, patience_s: float) -> dict[str, Any]:
        try:
            answer = await self._forecast(
                self._message, metadata=self._metadata, timeout=timeout_s or patience_s
            )
        except grpc.aio.AioRpcError as error:
            return _refused(error, own_deadline=timeout_s is not None)
        return _answered("OK", answer.model_version, [step.kw for step in answer.steps])


def _answered(code: str, version: int, kw: list[float]) -> dict[str, Any]:
    good = len(kw) == HORIZON and all(math.isfinite(value) for value in kw)
    return {
        "result": "answered" if good else "failed",
        "code": code,
        "reason": "" if good else "NOT_A_FORECAST",
        "version": version,
        "kw": tuple(kw),
    }


def _refused(error: grpc.aio.AioRpcError, *, own_deadline: bool) -> dict[str, Any]:
    code, reason, retry_after_s = error.code(), "", None
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            for detail in status_pb2.Status.FromString(value).details:
                info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    reason = info.reason
                elif detail.Unpack(retry):
                    retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    result: Result = "failed"
    if (
        code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
        and retry_after_s is not None
    ):
        result = "refused cleanly"
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED and not reason and not own_deadline:
        result = "lost"  # the gateway said nothing: our patience ended
    return {
        "result": result,
        "code": code.name,
        "reason": reason,
        "detail": error.details() or "",
        "retry_after_s": retry_after_s,
    }
