"""Start and stop: loads the models, opens the ports, drains on a signal."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import grpc.aio
import uvicorn
from grpc import StatusCode
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving import model_service, prediction_service, rest, warmup
from services.serving.flags import Flags
from services.serving.repository import Repository, load
from services.serving.status import StatusError

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest gRPC message either way."""

GRACE_S = 30.0
"""Longest that calls in flight may take once the server is told to stop."""

RUNS_PER_CPU = 4
"""Model runs at a time, a CPU; more wait for their turn. TensorFlow Serving's measure."""


async def serve(flags: Flags, models: Sequence[ModelConfig]) -> None:
    """Load and serve the models until SIGTERM or SIGINT, then finish what is in flight.

    Ports open only after every model is available. Raises StatusError for a model that does not
    load and for a port that cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    # A thread of its own: the loop waits for those of its default executor, also when told to stop.
    loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
    loading = loop.run_in_executor(loader, load, models, warmup.replay)
    first: list[asyncio.Future[Any]] = [stopping, loading]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        log.info("Stopped while loading")
        return
    repository = loading.result()
    runs = ThreadPoolExecutor(RUNS_PER_CPU * (os.cpu_count() or 1), thread_name_prefix="run")
    grpc_server = _grpc_server(flags, repository, runs)
    rest_server = _RestServer(flags, repository, runs) if _has_rest(flags) else None
    if rest_server:
        rest_server.start()
    await grpc_server.start()
    log.info("Running gRPC ModelServer at %s:%d ...", flags.bind_address, flags.port)
    await stopping
    log.info("Stopping: finishing calls in flight, %.0f s at most", GRACE_S)
    await asyncio.gather(grpc_server.stop(GRACE_S), *([rest_server.stop()] if rest_server else []))
    log.info("Stopped")


def _grpc_server(flags: Flags, repository: Repository, runs: Executor) -> grpc.aio.Server:
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            # A second server on the port must fail instead of taking half of the calls.
            ("grpc.so_reuseport", 0),
        ]
    )
    packed = flags.enable_serialization_as_tensor_content
    server.add_generic_rpc_handlers(
        [
            prediction_service.handlers(repository, runs, packed=packed),
            model_service.handlers(repository),
        ]
    )
    address = f"{flags.bind_address}:{flags.port}"
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise StatusError(StatusCode.UNAVAILABLE, f"cannot listen on {address}") from error
    return server


def _has_rest(flags: Flags) -> bool:
    if flags.rest_api_port == flags.port:
        log.error("--rest_api_port is also --port: REST is off")
        return False
    return flags.rest_api_port != 0


class _RestServer(uvicorn.Server):
    """REST on the caller's event loop; its port is bound when the object is made."""

    def __init__(self, flags: Flags, repository: Repository, runs: Executor) -> None:
        super().__init__(
            uvicorn.Config(
                rest.app(repository, runs),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(GRACE_S),
            )
        )
        address = f"{flags.bind_address}:{flags.rest_api_port}"
        try:
            self._listening = socket.create_server((flags.bind_address, flags.rest_api_port))
        except OSError as error:
            raise StatusError(
                StatusCode.UNAVAILABLE, f"cannot listen on {address}: {error.strerror}"
            ) from error
        self._address = address

    def start(self) -> None:
        """Begin to answer."""
        self._serving = asyncio.create_task(self.serve([self._listening]))
        log.info("Exporting HTTP/REST API at:%s ...", self._address)

    async def stop(self) -> None:
        """Refuse new calls and wait for those in flight, GRACE_S at most."""
        self.should_exit = True
        await self._serving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`: both edges stop together."""
        yield
