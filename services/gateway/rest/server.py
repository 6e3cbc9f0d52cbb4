"""The HTTPS edge's server: uvicorn, with its signals, and how it takes connections, changed."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Generator

import uvicorn

from services.gateway.observed import Edge
from services.gateway.rest import headers
from services.gateway.rest.app import create_app
from services.gateway.rest.arrivals import Arrivals
from services.gateway.rest.doorway import Door, doorway
from services.gateway.rest.hosts import Hosts, only_for
from services.gateway.rest.observed import observed
from services.gateway.rest.protocol import Patience, Protocol
from services.gateway.settings import StartError
from services.gateway.wiring import Gateway

_BACKLOG = 2048
"""Connections the system keeps until they are taken."""

_LOOK_S = 0.5
"""How often slow clients are looked for."""


class HttpsServer(uvicorn.Server):
    """Serves until `should_exit` is set; leaves signals to whoever runs both edges."""

    def __init__(self, gateway: Gateway) -> None:
        """Bind the port over a gateway that is open already; raises StartError where it cannot."""
        settings = gateway.settings
        try:
            self._socket = socket.create_server(
                (settings.bind_address, settings.https_port),
                backlog=_BACKLOG,
                reuse_port=settings.worker is not None,
            )
        except OSError as error:
            address = f"{settings.bind_address}:{settings.https_port}"
            raise StartError(f"HTTPS cannot listen on {address}: {error.strerror or error}") from error
        edge = Edge("https", settings.models)
        hosts = Hosts(settings.allowed_hosts, gateway.certificates)
        super().__init__(
            uvicorn.Config(
                observed(only_for(hosts, doorway(create_app(gateway), gateway.admission)), edge),
                http="httptools",
                ws="none",
                lifespan="off",
                server_header=False,
                headers=list(headers.ALWAYS),
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=math.ceil(settings.drain_s),
            )
        )

        door = Door(gateway.admission, edge)
        patience = Patience(settings.client_timeout_s, settings.upload_timeout_s)

        def protocol(is_inside: Callable[[], None]) -> Protocol:
            return Protocol(
                door, patience, is_inside, config=self.config, server_state=self.server_state, app_state={}
            )

        self._arrivals = Arrivals(
            self._socket,
            gateway.certificates.context(),
            protocol,
            most=settings.max_connections,
            inside=lambda: len(self.server_state.connections),
            patience_s=settings.client_timeout_s,
        )

    async def run_until_told(self) -> None:
        """Answer until `should_exit` is set and the calls in flight are finished."""
        hurrying = asyncio.create_task(self._hurry())
        try:
            await self.serve([self._socket])
        finally:
            hurrying.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections our way."""
        self.servers = []
        self._arrivals.open()
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, then wait for the calls in flight."""
        self._arrivals.close()
        await super().shutdown(sockets)

    async def _hurry(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_S)
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.hurry(loop.time())

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield
