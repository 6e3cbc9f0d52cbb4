"""One model server, or what a name stands for, over one persistent channel."""

import json
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from services.core.telemetry import traces
from services.gateway.adapters.breaker import Breaker
from services.gateway.metrics import called

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Forecasts and specs are small; a model server that answers more is not one of ours."""

_FAIR_S = 1.0
"""A call that had less and got no answer in time says nothing of the target."""

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
    # A peer that vanished is noticed while calls wait for it. Without calls nothing is sent: a server that
    # was not told to expect it takes a ping on an idle connection for abuse (GOAWAY too_many_pings).
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The default waits up to two minutes between attempts to reconnect.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Also the longest one attempt may take.
    ("grpc.min_reconnect_backoff_ms", 1_000),
)
_FAULTS = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DATA_LOSS,
}


class Target:
    """A channel that is opened once and shared by all calls, and the breaker before it."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        """Open the channel to host:port, dns:///host:port or unix:path; TLS where there are credentials."""
        self.address = address
        self.breaker = Breaker()
        self._channel = (
            grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(address, options=_OPTIONS)
        )
        self._methods: dict[str, Any] = {}

    @property
    def state(self) -> grpc.ChannelConnectivity:
        """Whether it is connected and well; asking makes an idle one connect."""
        return self._channel.get_state(try_to_connect=True)

    async def call(self, method: str, message: bytes, *, timeout_s: float) -> bytes:
        """The answer to an encoded message, encoded too. Raises grpc.aio.AioRpcError."""
        send = self._methods.get(method)
        if send is None:
            send = self._methods[method] = self._channel.unary_unary(method)
        began = time.monotonic()
        failed: bool | None = None
        code = "CANCELLED"
        try:
            with traces.hop(method.removeprefix("/"), self.address):
                answer: bytes = await send(message, timeout=timeout_s, metadata=traces.outgoing())
            failed, code = False, "OK"
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                failed = True if time.monotonic() - began >= _FAIR_S else None
            else:
                failed = error.code() in _FAULTS
            raise
        finally:
            self.breaker.ended(failed=failed)
            called(self.address, method, code, time.monotonic() - began)
        return answer

    async def close(self) -> None:
        """Close the channel, whatever is under way."""
        await self._channel.close()


def credentials(
    ca_file: Path | None, certificate: Path | None, key: Path | None
) -> grpc.ChannelCredentials | None:
    """TLS that trusts one authority alone, with a certificate of our own where the server asks for one."""
    if ca_file is None:
        return None
    return grpc.ssl_channel_credentials(
        ca_file.read_bytes(),
        key.read_bytes() if key else None,
        certificate.read_bytes() if certificate else None,
    )
