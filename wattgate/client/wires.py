"""What sends: one that blocks its thread, one that is awaited."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import grpc
import grpc.aio
import httpx

from wattgate.client import https, rpc
from wattgate.client.retries import Deadline
from wattgate.errors import TimedOut
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub

_SOON_S = 0.001
_CALLS = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class Trust:
    """Which authorities are believed: that of a PEM file alone, or those of the system."""

    def __init__(self, ca_file: Path | str | None) -> None:
        """Read the file. Raises OSError, or ValueError where it is no PEM."""
        pem = None if ca_file is None else Path(ca_file).read_text(errors="replace")
        try:
            self.tls = ssl.create_default_context(cadata=pem)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"{ca_file} is no PEM with certificates: {error}") from error
        self.roots = None if pem is None else pem.encode()


def _metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


class BlockingWire:
    """Blocks; safe to share among threads."""

    def __init__(self, trust: Trust, target: str | None) -> None:
        """Nothing is connected yet."""
        self._http = httpx.Client(verify=trust.tls, limits=_CALLS)
        self._target = target or ""
        self._channel = target and grpc.secure_channel(
            target, grpc.ssl_channel_credentials(trust.roots), options=rpc.CHANNEL_OPTIONS
        )
        self._lock = threading.Lock()

    @property
    def has_grpc(self) -> bool:
        """Whether forecasts go over gRPC."""
        return bool(self._channel)

    async def https(self, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        """The response to a request."""
        timeouts: dict[str, float] = request.extensions["timeout"]

        def shrink(event: str, _of: object) -> None:
            """Let each part of the call have what those before it left: they would have the whole each."""
            if event.endswith(".started"):
                left_s = max(deadline.at_s - time.monotonic(), _SOON_S)
                timeouts.update(dict.fromkeys(timeouts, left_s))

        request.extensions["trace"] = shrink
        try:
            return self._http.send(request)
        except httpx.HTTPError as error:
            raise https.failure(error, request.url.netloc.decode()) from error

    async def grpc(self, request: pb.ForecastRequest, token: str, deadline: Deadline) -> pb.ForecastResponse:
        """The answer to a message."""
        stub = ForecastServiceStub(cast(grpc.Channel, self._channel))
        try:
            return stub.Forecast(request, timeout=deadline.left_s, metadata=_metadata(token))
        except grpc.RpcError as error:
            raise rpc.failure(cast(rpc.FailedCall, error), self._target) from error

    async def sleep(self, seconds: float) -> None:
        """Nothing, so long."""
        time.sleep(seconds)  # noqa: ASYNC251 - it blocks, as all of it

    @asynccontextmanager
    async def alone(self, deadline: Deadline) -> AsyncIterator[None]:
        """A block that one thread at a time is in."""
        if not self._lock.acquire(timeout=deadline.left_s):
            raise TimedOut("Another caller's login took all of the time")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        if self._channel:
            self._channel.close()


class AsyncWire:
    """Waits in its event loop."""

    def __init__(self, trust: Trust, target: str | None) -> None:
        """Nothing is connected yet."""
        self._http = httpx.AsyncClient(verify=trust.tls, limits=_CALLS)
        self._target, self._trust = target or "", trust
        self._channel: grpc.aio.Channel | None = None
        self._lock = asyncio.Lock()

    @property
    def has_grpc(self) -> bool:
        """Whether forecasts go over gRPC."""
        return bool(self._target)

    async def https(self, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        """The response to a request."""
        host = request.url.netloc.decode()
        try:
            async with asyncio.timeout(deadline.left_s):
                return await self._http.send(request)
        except httpx.HTTPError as error:
            raise https.failure(error, host) from error
        except TimeoutError as error:
            raise TimedOut(f"{host} did not answer in time") from error

    async def grpc(self, request: pb.ForecastRequest, token: str, deadline: Deadline) -> pb.ForecastResponse:
        """The answer to a message."""
        if self._channel is None:  # not before: it belongs to the event loop that it is made in
            self._channel = grpc.aio.secure_channel(
                self._target,
                grpc.ssl_channel_credentials(self._trust.roots),
                options=rpc.CHANNEL_OPTIONS,
            )
        stub = ForecastServiceStub(self._channel)
        try:
            return await stub.Forecast(request, timeout=deadline.left_s, metadata=_metadata(token))
        except grpc.aio.AioRpcError as error:
            raise rpc.failure(cast(rpc.FailedCall, error), self._target) from error

    async def sleep(self, seconds: float) -> None:
        """Nothing, so long."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def alone(self, deadline: Deadline) -> AsyncIterator[None]:
        """A block that one task at a time is in."""
        try:
            async with asyncio.timeout(deadline.left_s):
                await self._lock.acquire()
        except TimeoutError as error:
            raise TimedOut("Another caller's login took all of the time") from error
        try:
            yield
        finally:
            self._lock.release()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        if self._channel:
            await self._channel.close()
