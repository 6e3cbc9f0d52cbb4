"""Several gateway processes on the same ports, for machines with cores to spare.

Each worker is a fresh interpreter with its own event loop and channels, since gRPC does not survive a fork.
The kernel deals connections out among them (SO_REUSEPORT).
"""

import asyncio
import logging
import math
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process

from services.gateway.settings import Settings, StartError

log = logging.getLogger("wattgate.gateway.workers")

_PAUSE_S = 1.0
"""Before a worker that ended by itself is replaced."""

_START_S = 10.0
"""A worker that gives up sooner cannot start; one that is killed can."""


def run(settings: Settings) -> int:
    """Keep `settings.workers` workers running until SIGTERM or SIGINT; answers the exit status.

    Raises StartError where a port is taken.
    """
    for port in (settings.https_port, settings.grpc_port):
        _check_free(settings.bind_address, port)
    return asyncio.run(_Supervisor(settings).run())


class _Supervisor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._workers: dict[int, Process] = {}

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._pass_on)
        ends = await asyncio.gather(*(self._keep(index) for index in range(self._settings.workers)))
        return max(abs(end) for end in ends)

    def _pass_on(self) -> None:
        self._stop.set()
        for worker in self._workers.values():
            worker.send_signal(signal.SIGTERM)

    async def _keep(self, index: int) -> int:
        """Replace the worker whenever it ends by itself; its status once it was told to."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            worker = self._workers[index] = await self._start(index)
            status = await worker.wait()
            del self._workers[index]
            if self._stop.is_set():
                return status
            if status >= 0 and loop.time() - began < _START_S:
                self._pass_on()
                return status or 1
            log.error("worker %d ended with status %d: starting another", index, status)
            await asyncio.sleep(_PAUSE_S)
            if self._stop.is_set():
                return 1

    async def _start(self, index: int) -> Process:
        settings = self._settings
        shares = {
            "WORKER": index,
            "WORKERS": settings.workers,
            "FORECASTS_PER_MINUTE": math.ceil(settings.forecasts_per_minute / settings.workers),
            "MAX_IN_FLIGHT": math.ceil(settings.max_in_flight / settings.workers),
            "MAX_QUEUED": math.ceil(settings.max_queued / settings.workers),
            "MAX_CONNECTIONS": math.ceil(settings.max_connections / settings.workers),
        }
        environment = {f"GATEWAY_{name}": str(value) for name, value in shares.items()}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.gateway"),
            # Ends with this process, however it ends.
            stdin=PIPE,
            env={**os.environ, **environment},
            # Ctrl-C reaches the supervisor alone.
            start_new_session=True,
        )


def _check_free(address: str, port: int) -> None:
    """Raise StartError where somebody listens; workers would share the port with them."""
    try:
        socket.create_server((address, port)).close()
    except OSError as error:
        raise StartError(f"cannot listen on {address}:{port}: {error.strerror or error}") from error
