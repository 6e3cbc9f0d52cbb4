"""The HTTPS edge's server: uvicorn, with its signals and its farewell changed."""

import asyncio
import contextlib
from collections.abc import Generator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.rest.app import create_app
from services.gateway.wiring import Gateway

_FAREWELL_S = 0.5


class _Protocol(HttpToolsProtocol):
    """Does not wait for an idle client to say goodbye.

    Closing TLS sends a farewell and waits for the peer's, which a client with an idle connection in its
    pool sends when it next looks: shutting down would take as long as its deadline.
    """

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            asyncio.get_running_loop().call_later(_FAREWELL_S, self.transport.abort)


class HttpsServer(uvicorn.Server):
    """Serves until `should_exit` is set; leaves signals to whoever runs both edges."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def create_server(gateway: Gateway) -> HttpsServer:
    """The server over a gateway that is open already; not started."""
    settings = gateway.settings
    config = uvicorn.Config(
        create_app(gateway),
        host=settings.bind_address,
        port=settings.https_port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        http=_Protocol,
        ws="none",
        lifespan="off",
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=int(settings.drain_s),
    )
    return HttpsServer(config)
