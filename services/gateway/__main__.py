"""Start and stop the gateway: both edges in one process on one event loop."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Generator

import uvicorn
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from services.gateway.rest.app import create_app
from services.gateway.rpc.server import create_server
from services.gateway.settings import Settings
from services.gateway.wiring import Gateway, open_gateway

log = logging.getLogger("wattgate.gateway")


class _HttpsServer(uvicorn.Server):
    """Leaves signals to us: both edges stop together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls in flight on both edges."""
    async with open_gateway(settings) as gateway:
        https = _https_server(gateway)
        rpc = create_server(gateway)
        await rpc.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, https, "should_exit", True)
        log.info(
            "HTTPS on %s:%d, gRPC on port %d", settings.bind_address, settings.https_port, settings.grpc_port
        )
        await https.serve()
        await rpc.stop(settings.drain_s)


def _https_server(gateway: Gateway) -> uvicorn.Server:
    settings = gateway.settings
    return _HttpsServer(
        uvicorn.Config(
            create_app(gateway),
            host=settings.bind_address,
            port=settings.https_port,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
            http="httptools",
            lifespan="off",
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=int(settings.drain_s),
        )
    )


def main() -> None:
    """Read the settings from the environment and serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings()
    except (SettingsError, ValidationError) as error:
        sys.exit(_explained(error))
    uvloop.run(serve(settings))


def _explained(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"The gateway cannot start: {error}"
    lines = [f"  GATEWAY_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
    return "\n".join(["The gateway cannot start; mend these settings:", *lines])


if __name__ == "__main__":
    main()
