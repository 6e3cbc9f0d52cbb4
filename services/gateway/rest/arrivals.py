"""Who comes to the HTTPS port: as many at a time as there is room for, each to its TLS handshake."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import cast

log = logging.getLogger(__name__)

_AT_ONCE = 32
"""Connections taken before others get their turn."""
_PAUSE_S = 1.0
"""Where the system has no handle left for a connection."""


class Arrivals:
    """Takes connections from `open` to `close`.

    uvicorn's own way of it has no bound on those that are in their handshakes, and 60 s for each of them.
    """

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        protocol: Callable[[Callable[[], None]], asyncio.Protocol],
        *,
        most: int,
        inside: Callable[[], int],
        patience_s: float,
    ) -> None:
        """Have a `protocol` speak to each; `inside` tells how many that came before are still there.

        A protocol calls what it is given once `inside` counts it.
        """
        self._listening, self._context, self._protocol = listening, context, protocol
        self._most, self._inside, self._patience_s = most, inside, patience_s
        self._greeted: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Take those who come, on the running event loop."""
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._take)

    def close(self) -> None:
        """Take no more; handshakes under way go on."""
        asyncio.get_running_loop().remove_reader(self._listening)
        if self._again:
            self._again.cancel()

    def _take(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("no connection can be taken for a second: %s", error)
                loop.remove_reader(self._listening)
                self._again = loop.call_later(_PAUSE_S, self.open)
                return
            if self._inside() + len(self._greeted) >= self._most:
                connection.close()
                continue
            greeting = loop.create_task(self._greet(connection))
            self._greeted.add(greeting)
            greeting.add_done_callback(self._greeted.discard)

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        greeting = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                # The task ends a turn of the loop later, and until then it would count twice.
                partial(self._protocol, partial(self._greeted.discard, greeting)),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._patience_s,
                ssl_shutdown_timeout=self._patience_s,
            )
        except OSError as error:  # of TLS too
            log.debug("no handshake: %s", error)
