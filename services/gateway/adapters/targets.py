"""One model server, or what a name stands for, over one persistent channel."""

import asyncio
import gc
import json
import logging
import time
from collections.abc import Coroutine
from contextvars import Context
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from services.core.telemetry import traces
from services.gateway.adapters.breaker import Breaker
from services.gateway.metrics import called
from services.gateway.secret_files import read_secret
from wattgate.openinference.methods import MODEL_INFER
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Forecasts and specs are small; a model server that answers more is not one of ours."""

_FAIR_S = 1.0
"""A call that had less and got no answer in time says nothing of the target."""

PAUSE_S = 1.0
"""Before each try whether a target that was left alone is well again."""
_TRY_S = 3.0
"""Time it is given."""

_ERRORS_ARE_TOLD_S = 0.5
"""From a call's error to the answer that tells of it."""

_SERVICE_CONFIG = {
    # Where a name stands for several addresses, each of them in turn.
    "loadBalancingConfig": [{"round_robin": {}}],
    # The embedded server tells the truth by this name; the stock one knows it too. One without a health
    # service counts as healthy.
    "healthCheckConfig": {"serviceName": "PredictionService"},
}
_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # One layer retries: balancing.py.
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    # A new channel is a new connection, whatever other channels there are.
    ("grpc.use_local_subchannel_pool", 1),
    # For a name of several addresses, some of which vanished; of a whole target the calls tell sooner.
    # Without calls nothing is sent: a server that was not told to expect pings takes them for abuse
    # (GOAWAY too_many_pings).
    ("grpc.keepalive_time_ms", 30_000),
    # Also how long the other end's kernel may acknowledge nothing (TCP_USER_TIMEOUT): calls to a host that
    # vanished fail while there is time for them elsewhere.
    ("grpc.keepalive_timeout_ms", 2_000),
    # The default waits up to two minutes between attempts to reconnect.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 4_000),
    # Also the longest one attempt may take.
    ("grpc.min_reconnect_backoff_ms", 1_000),
)
_COMPUTING = {PREDICT, MODEL_INFER}
"""Methods that have a model compute."""

_FAULTS = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DATA_LOSS,
}


class _Connection:
    """A channel, and the calls under way on it."""

    __slots__ = ("calls", "channel", "methods", "since_s")

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.methods: dict[str, Any] = {}
        self.calls = 0
        self.since_s = time.monotonic()


class Target:
    """A connection that is kept and shared by all calls, and the breaker before it.

    It is made anew where nobody answers at the other end, as after a machine or a router vanished: the
    connection itself would say so only after minutes.
    """

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        """Connect to host:port, dns:///host:port or unix:path; by TLS where there are credentials."""
        self.address = address
        self.breaker = Breaker()
        self._credentials = credentials
        self._connection = self._connect()
        self._heard_s = 0.0
        """When it last answered anything."""
        self._answered = (GET_MODEL_STATUS, b"")
        """What it answered last, of what a model computes; to begin with, what needs no model."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> grpc.ChannelConnectivity:
        """Whether it is connected and well; asking makes an idle one connect."""
        return self._connection.channel.get_state(try_to_connect=True)

    @property
    def calls(self) -> int:
        """Calls under way."""
        return self._connection.calls

    async def call(self, method: str, message: bytes, *, timeout_s: float) -> bytes:
        """The answer to an encoded message, encoded too. Raises grpc.aio.AioRpcError."""
        connection = self._connection
        send = connection.methods.get(method)
        if send is None:
            send = connection.methods[method] = connection.channel.unary_unary(method)
        began_s = time.monotonic()
        failed: bool | None = None
        code = "CANCELLED"
        connection.calls += 1
        try:
            with traces.hop(method.removeprefix("/"), self.address):
                answer: bytes = await send(message, timeout=timeout_s, metadata=traces.outgoing())
            failed, code = False, "OK"
            self._heard_s = time.monotonic()
            if method in _COMPUTING:
                self._answered = (method, message)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            failed = self._failed(error.code(), began_s)
            raise
        finally:
            connection.calls -= 1
            if connection is not self._connection:
                self._close_unused(connection)
            called(self.address, method, code, time.monotonic() - began_s)
            self._count(failed)
        return answer

    async def close(self) -> None:
        """Close the connection, whatever is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.channel.close()

    def _connect(self) -> _Connection:
        return _Connection(
            grpc.aio.secure_channel(self.address, self._credentials, options=_OPTIONS)
            if self._credentials
            else grpc.aio.insecure_channel(self.address, options=_OPTIONS)
        )

    def _failed(self, code: grpc.StatusCode, began_s: float) -> bool | None:
        """Whether a call that ended so says that the target is not well; None: it says nothing."""
        if code is not grpc.StatusCode.DEADLINE_EXCEEDED:
            if code is not grpc.StatusCode.UNAVAILABLE:
                self._heard_s = time.monotonic()
            return code in _FAULTS
        if time.monotonic() - began_s < _FAIR_S:
            return None
        if max(self._heard_s, self._connection.since_s) < began_s:
            log.warning("%s answers nothing any more: connecting anew", self.address)
            self._connect_anew()
        return True

    def _connect_anew(self) -> None:
        """Calls go over a new connection from now on; those under way end on the old one."""
        old, self._connection = self._connection, self._connect()
        self._close_unused(old)

    def _close_unused(self, connection: _Connection) -> None:
        if not connection.calls:
            self._begin(_close(connection.channel))

    def _count(self, failed: bool | None) -> None:
        was_open = self.breaker.is_open
        self.breaker.ended(failed=failed)
        if self.breaker.is_open and not was_open:
            log.warning("%s keeps failing and is left alone until it answers", self.address)
            self._begin(self._try_again())

    async def _try_again(self) -> None:
        """Ask again what it last answered, over a new connection each time, until it is well."""
        is_well = False
        while not is_well:
            self._connect_anew()
            await asyncio.sleep(PAUSE_S)
            try:
                await self.call(*self._answered, timeout_s=_TRY_S)
                is_well = True
            except grpc.aio.AioRpcError as error:
                is_well = error.code() not in _FAULTS | {grpc.StatusCode.DEADLINE_EXCEEDED}
        self.breaker.close()
        log.info("%s answers again", self.address)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        # In a context of its own: it is nobody's call.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close(channel: grpc.aio.Channel) -> None:
    await channel.close()
    # Calls that failed keep the connection open as long as they exist, and errors hold them in circles.
    await asyncio.sleep(_ERRORS_ARE_TOLD_S)
    gc.collect()


def credentials(
    ca_file: Path | None, certificate: Path | None, key: Path | None
) -> grpc.ChannelCredentials | None:
    """TLS that trusts one authority alone, with a certificate of our own where the server asks for one.

    Raises OSError and ValueError for files that cannot be read, or a key that everybody may read.
    """
    if ca_file is None:
        return None
    return grpc.ssl_channel_credentials(
        ca_file.read_bytes(),
        read_secret(key) if key else None,
        certificate.read_bytes() if certificate else None,
    )
