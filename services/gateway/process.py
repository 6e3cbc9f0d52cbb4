"""One gateway process, from its start to its end: both edges on one event loop."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable

import uvloop

from services.core.telemetry import logs, traces
from services.gateway.metrics_server import serve_metrics
from services.gateway.rest.server import HttpsServer
from services.gateway.rpc.server import RpcServer
from services.gateway.settings import Settings
from services.gateway.wiring import Gateway, open_gateway

log = logging.getLogger("wattgate.gateway")

CALLS_LEFT = 1
"""Exit status where calls were cut off at the end."""

_M_MMAP_THRESHOLD = -3  # of malloc.h
_LARGE_BYTES = 256 * 1024

_OTHER_HANDLES = 256
"""Of files and sockets that are no caller's."""


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; answers the exit status. Raises StartError."""
    _return_large_buffers()
    _allow_handles(2 * settings.max_connections + _OTHER_HANDLES)
    traces.set_up("wattgate-gateway")
    try:
        return uvloop.run(_serve(settings))
    finally:
        traces.close()


async def _serve(settings: Settings) -> int:
    told_to_stop = asyncio.Event()
    _on_signals(told_to_stop)
    if settings.worker is not None:
        _stop_without_supervisor(told_to_stop)
    async with open_gateway(settings) as gateway, serve_metrics(gateway):
        https, rpc = HttpsServer(gateway), RpcServer(gateway)
        await rpc.start()
        # What is there now stays: a full collection under load took 268 ms to look through it, 2 without.
        gc.collect()
        gc.freeze()
        serving = asyncio.create_task(https.run_until_told())
        log.info(
            "HTTPS on port %d, gRPC on port %d, address %s",
            settings.https_port,
            settings.grpc_port,
            settings.bind_address,
        )
        stopping = asyncio.create_task(told_to_stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await _leave(gateway)
        began = time.monotonic()
        https.should_exit = True
        await asyncio.gather(serving, rpc.stop(settings.drain_s))
        if time.monotonic() - began < settings.drain_s:
            return 0
        log.warning("Calls were still under way after %.0f s and were cut off", settings.drain_s)
        return CALLS_LEFT


async def _leave(gateway: Gateway) -> None:
    """Say no to whoever asks whether to send more, and give them time to ask, before a port closes."""
    gateway.stopping.set()
    delay_s = gateway.settings.shutdown_delay_s
    if delay_s:
        log.info("Not ready any more; closing in %.1f s", delay_s)
        await asyncio.sleep(delay_s)
    log.info("Finishing the calls in flight, %.0f s at most", gateway.settings.drain_s)


def _on_signals(told_to_stop: asyncio.Event) -> None:
    """The first signal ends the process in order, the second one at once."""

    def told() -> None:
        if told_to_stop.is_set():
            log.warning("Told to stop again: leaving the calls in flight")
            logs.flush()
            os._exit(CALLS_LEFT)
        told_to_stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)


def _stop_without_supervisor(told_to_stop: asyncio.Event) -> None:
    """Stop once standard input ends: it is held open by the supervisor, which may have been killed."""
    loop = asyncio.get_running_loop()

    def wait(stop: Callable[[], None]) -> None:
        sys.stdin.buffer.read()
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stop)

    threading.Thread(target=wait, args=(told_to_stop.set,), name="supervisor", daemon=True).start()


def _allow_handles(wanted: int) -> None:
    """Raise the process's own limit on open files, often 1024, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _return_large_buffers() -> None:
    """Have glibc give freed uploads back to the system.

    By itself it raises the size from which it does so to that of the largest buffer freed, and keeps the
    rest: 220 MB stayed resident after a few uploads of 10 MiB, 130 MB with the size held. Elsewhere: nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
