"""Start and stop: has the models loaded, opens the ports, drains on a signal."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import uvicorn
from grpc import StatusCode
from starlette.types import ASGIApp
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.core.telemetry import traces
from services.core.telemetry.followed import Followed, Traced
from services.serving import (
    batching_parameters,
    credentials,
    health,
    model_service,
    monitoring,
    prediction_service,
    rest,
    warmup,
)
from services.serving.batching import Batcher
from services.serving.batching_parameters import BatchingParameters
from services.serving.client_names import OnlyNamed
from services.serving.config_file import ConfigFile
from services.serving.flags import Flags
from services.serving.life_cycle import LifeCycle, Timing
from services.serving.monitoring import Metrics
from services.serving.repository import Repository
from services.serving.running import Runner
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
    secrets = _secrets(flags)
    # What is imported by now stays: collections after an unload need not look through it.
    gc.freeze()
    repository = Repository({})
    asked = monitoring.read(Path(flags.monitoring_config_file)) if flags.monitoring_config_file else None
    metrics = Metrics(repository.serves) if asked and asked.path else None
    threads = ThreadPoolExecutor(
        flags.grpc_max_threads or RUNS_PER_CPU * (os.cpu_count() or 1), thread_name_prefix="run"
    )
    life_cycle = _life_cycle(flags, repository, Runner(threads, _batcher(flags, threads), metrics))
    loading = asyncio.wrap_future(life_cycle.configure(models))
    first: list[asyncio.Future[Any]] = [stopping, loading]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        log.info("Stopped while loading")
        return
    loading.result()
    handlers = [
        prediction_service.handlers(repository, packed=flags.enable_serialization_as_tensor_content),
        model_service.handlers(repository, life_cycle, metrics),
    ]
    if flags.enable_grpc_healthcheck_service:
        handlers.append(health.handlers(repository, stop))
    rest_app = rest.app(repository, timeout_s=flags.rest_api_timeout_in_ms / 1000)
    interceptors: list[grpc.aio.ServerInterceptor] = [Followed()]
    if flags.allowed_client_names:
        interceptors.append(OnlyNamed(flags.allowed_client_names))
    if traces.are_on():
        interceptors.append(Traced())
    if asked and metrics:
        rest_app = monitoring.rest_monitor(rest_app, metrics, asked.path)
        interceptors.append(monitoring.GrpcMonitor(metrics))
    grpc_server = _grpc_server(flags, handlers, secrets, interceptors)
    rest_server = _RestServer(flags, rest_app) if _has_rest(flags) else None
    if rest_server:
        rest_server.start()
    await grpc_server.start()
    log.info("Running gRPC ModelServer at %s ...", " and ".join(_addresses(flags)))
    await stopping
    log.info("Stopping: finishing calls in flight, %.0f s at most", GRACE_S)
    life_cycle.stop()
    await asyncio.gather(grpc_server.stop(GRACE_S), *([rest_server.stop()] if rest_server else []))
    log.info("Stopped")


def _secrets(flags: Flags) -> grpc.ServerCredentials | None:
    if not flags.ssl_config_file:
        return None
    return credentials.read(Path(flags.ssl_config_file), must_verify=bool(flags.allowed_client_names))


def _batcher(flags: Flags, threads: Executor) -> Batcher | None:
    if not flags.enable_batching:
        return None
    file = flags.batching_parameters_file
    return Batcher(batching_parameters.read(Path(file)) if file else BatchingParameters(), threads)


def _life_cycle(flags: Flags, repository: Repository, runner: Runner) -> LifeCycle:
    poll_s = flags.model_config_file_poll_wait_seconds
    return LifeCycle(
        repository,
        runner,
        partial(warmup.replay, iterations=flags.num_request_iterations_for_warmup),
        Timing(
            poll_s=flags.file_system_poll_wait_seconds,
            retries=flags.max_num_load_retries,
            retry_interval_s=flags.load_retry_interval_micros / 1e6,
        ),
        labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
        config_file=(
            ConfigFile(Path(flags.model_config_file), poll_s) if flags.model_config_file and poll_s else None
        ),
    )


def _grpc_server(
    flags: Flags,
    handlers: Sequence[grpc.GenericRpcHandler],
    secrets: grpc.ServerCredentials | None,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
) -> grpc.aio.Server:
    options: dict[str, int | str] = {
        "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
        "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
        # A second server on the port must fail instead of taking half of the calls.
        "grpc.so_reuseport": 0,
        **flags.grpc_channel_arguments,
    }
    server = grpc.aio.server(interceptors=interceptors, options=list(options.items()))
    server.add_generic_rpc_handlers(handlers)
    for address in _addresses(flags):
        try:
            if secrets:
                server.add_secure_port(address, secrets)
            else:
                server.add_insecure_port(address)
        except RuntimeError as error:
            raise StatusError(StatusCode.UNAVAILABLE, f"cannot listen on {address}") from error
    if flags.grpc_socket_path:
        # Whoever may write to it may call.
        Path(flags.grpc_socket_path).chmod(0o660)
    return server


def _addresses(flags: Flags) -> list[str]:
    """What gRPC listens on, in its notation."""
    tcp = [f"{flags.bind_address}:{flags.port}"] if flags.port else []
    return tcp + ([f"unix:{flags.grpc_socket_path}"] if flags.grpc_socket_path else [])


def _has_rest(flags: Flags) -> bool:
    if flags.rest_api_port and flags.rest_api_port == flags.port:
        log.error("--rest_api_port is also --port: REST is off")
        return False
    return flags.rest_api_port != 0


class _RestServer(uvicorn.Server):
    """REST on the caller's event loop; its port is bound when the object is made."""

    def __init__(self, flags: Flags, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
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
