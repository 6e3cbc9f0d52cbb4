"""The gRPC edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from services.core.interceptors import Around, Authenticated, Deserialized
from services.gateway.admission import Admission
from services.gateway.rpc import health, pass_through
from services.gateway.rpc.calls import Context
from services.gateway.rpc.observed import Observed
from services.gateway.rpc.servicer import ForecastServicer
from services.gateway.settings import StartError
from services.gateway.tls import Certificates, Pair
from services.gateway.wiring import Gateway
from wattgate.forecast.v1.forecast_service_pb2_grpc import add_ForecastServiceServicer_to_server
from wattgate.tfserving.methods import PREDICT

_FRAMING_BYTES = 64 * 1024
"""What a message may have beside the file."""

_FORECASTS = {"/wattgate.forecast.v1.ForecastService/Forecast", PREDICT}

_MOST_STREAMS = 100
"""Calls of one connection at a time."""

_FAREWELL_S = 0.5
"""For the last answers to leave."""


class RpcServer:
    """Serves from `start` to `stop`."""

    def __init__(self, gateway: Gateway) -> None:
        """Bind the port over a gateway that is open already; raises StartError where it cannot."""
        settings = gateway.settings

        self._observed = Observed(settings.models)
        self._server = grpc.aio.server(
            interceptors=[
                self._observed,
                NotWhenFull(gateway.admission),
                Authenticated(gateway.entrance.admit),
                Deserialized(),
            ],
            options=[
                ("grpc.max_receive_message_length", settings.max_upload_bytes + _FRAMING_BYTES),
                # A port that is taken is an error, but for workers, which share it.
                ("grpc.so_reuseport", int(settings.worker is not None)),
                ("grpc.max_concurrent_streams", _MOST_STREAMS),
                # Or calls of a client that keeps to that limit are reset (REFUSED_STREAM) while those before
                # are still being put away: half of them, at twice the capacity over one connection.
                ("grpc.http.overload_protection", 0),
                ("grpc.max_allowed_incoming_connections", settings.max_connections),
                ("grpc.server_handshake_timeout_ms", round(settings.client_timeout_s * 1000)),
                # Clients that look after idle connections are welcome, down to one ping in ten seconds.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                # One that vanished is noticed.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                # Clients come back and meet gateways that were added meanwhile; calls under way are not cut.
                ("grpc.max_connection_age_ms", 300_000),
            ],
        )
        add_services(gateway, self._server)
        address = f"{settings.bind_address}:{settings.grpc_port}"
        try:
            self._server.add_secure_port(address, _credentials(gateway.certificates))
        except RuntimeError as error:
            raise StartError(f"gRPC cannot listen on {address}: is the port taken?") from error

    async def start(self) -> None:
        """Answer calls."""
        await self._server.start()

    async def stop(self, drain_s: float) -> None:
        """Take no more calls; those under way have so many seconds before they are cut off."""
        stopped = asyncio.create_task(self._server.stop(drain_s + _FAREWELL_S))
        await asyncio.wait([stopped], timeout=drain_s)
        self._observed.cut_off()
        await stopped


def add_services(gateway: Gateway, server: grpc.aio.Server) -> None:
    """All that there is to call."""
    add_ForecastServiceServicer_to_server(ForecastServicer(gateway), server)
    server.add_generic_rpc_handlers(pass_through.handlers(gateway))
    add_HealthServicer_to_server(health.HealthServicer(gateway), server)
    if gateway.settings.docs:
        # Imported in development alone.
        from services.gateway.rpc import reflection

        reflection.add_to(server)


class NotWhenFull(Around):
    """Sends forecasts away while nobody can compute them, before their token costs anything."""

    def __init__(self, admission: Admission) -> None:
        """Ask `admission`."""
        self._admission = admission

    @asynccontextmanager
    async def around(self, context: Context, method: str, *, streams: bool) -> AsyncIterator[None]:
        """Streams wait instead: their callers are held back."""
        if method not in _FORECASTS:
            yield
            return
        self._admission.check()
        self._admission.enter()
        try:
            yield
        finally:
            self._admission.leave()


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Each connection is shown the certificate of that moment."""
    shown = certificates.pair

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        """Asked at every handshake, on a thread of gRPC's own."""
        nonlocal shown
        pair = certificates.pair
        if pair is shown:
            return None
        shown = pair
        return _configuration(pair)

    # Its types leave out that None says: as before.
    return grpc.dynamic_ssl_server_credentials(_configuration(shown), renewed)  # type: ignore[arg-type]


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key_pem, pair.chain_pem)])
