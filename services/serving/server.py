"""Start and stop: loads the models, opens the ports, drains on a signal."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc.aio
import uvicorn

from services.serving import config, rest, rpc, warmup
from services.serving.flags import Flags
from services.serving.repository import Repository, load

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest gRPC message either way."""

GRACE_S = 30.0
"""Longest that calls in flight may take once the server is told to stop."""

RUNS_PER_CPU = 4
"""Model runs at a time, a CPU; more wait for their turn. TensorFlow Serving's measure."""


class PortError(Exception):
    """A port that cannot be listened on."""


async def serve(flags: Flags) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight.

    Ports open only after every model is available. Raises StatusError, ConfigParseError or OSError for
    models that cannot be served and PortError for a port that is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    loading = asyncio.create_task(asyncio.to_thread(lambda: load(config.models(flags), warmup.replay)))
    await asyncio.wait([stopping, loading], return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        log.info("Stopped while loading")
        return
    repository = loading.result()
    runs = ThreadPoolExecutor(RUNS_PER_CPU * (os.cpu_count() or 1), thread_name_prefix="run")
    async with contextlib.AsyncExitStack() as edges:
        await edges.enter_async_context(_rest(flags, repository, runs))
        await edges.enter_async_context(_grpc(flags, repository, runs))
        await stopping
        log.info("Stopping: finishing calls in flight, %.0f s at most", GRACE_S)
    log.info("Stopped")


@contextlib.asynccontextmanager
async def _grpc(flags: Flags, repository: Repository, runs: ThreadPoolExecutor) -> AsyncIterator[None]:
    address = f"{flags.bind_address}:{flags.port}"
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            # A second server on the port must fail instead of taking half of the calls.
            ("grpc.so_reuseport", 0),
        ]
    )
    packed = flags.enable_serialization_as_tensor_content
    server.add_generic_rpc_handlers(rpc.handlers(repository, runs, packed=packed))
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise PortError(f"cannot listen on {address}") from error
    await server.start()
    log.info("Running gRPC ModelServer at %s ...", address)
    try:
        yield
    finally:
        await server.stop(GRACE_S)


class _RestServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`: both edges stop together."""
        yield


@contextlib.asynccontextmanager
async def _rest(flags: Flags, repository: Repository, runs: ThreadPoolExecutor) -> AsyncIterator[None]:
    if not flags.rest_api_port:
        yield
        return
    address = (flags.bind_address, flags.rest_api_port)
    try:
        listening = socket.create_server(address)
    except OSError as error:
        raise PortError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error
    server = _RestServer(
        uvicorn.Config(
            rest.app(repository, runs),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(GRACE_S),
        )
    )
    serving = asyncio.create_task(server.serve([listening]))
    log.info("Exporting HTTP/REST API at:%s:%d ...", *address)
    try:
        yield
    finally:
        server.should_exit = True
        await serving
