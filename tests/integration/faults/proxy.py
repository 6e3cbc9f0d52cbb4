"""A TCP proxy that makes a bad network of a good one. It runs in a thread of its own."""

import asyncio
import contextlib
import math
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

HOST = "127.0.0.1"
_CHUNK_BYTES = 64 * 1024
_TRICKLE_STEP_S = 0.05
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_FRAME_HEADER_BYTES, _DATA_FRAME = 9, 0
_CONTROL_TIMEOUT_S = 10


@dataclass(frozen=True)
class Network:
    """What happens to bytes and connections; by default nothing bad."""

    latency_s: float = 0.0
    """What the server says arrives so much later."""
    bytes_per_s: float = math.inf
    """Each connection carries no more, either way."""
    black_hole: bool = False
    """Nothing arrives, either way; what was sent arrives once the network is good again, as TCP sees to."""
    half_open: bool = False
    """The server's ends are gone and clients are not told: such connections are dead for ever."""
    reset: bool = False
    """Connections are reset, those that are open and new ones."""
    truncate: bool = False
    """Connections end in the middle of the next HTTP/2 DATA frame that the server sends."""


GOOD = Network()

Arrivals = asyncio.Queue[tuple[float, bytes]]
"""What came from one side and when; empty at its end."""


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    is_dead: bool = False
    frame_bytes_left: int = 0
    """Of the HTTP/2 frame that the server is in the middle of."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class FaultProxy:
    """Listens on `port` and forwards to another port of this machine, as `be` says."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.opened = 0
        """Connections clients have opened so far."""
        self._network = GOOD
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._in_thread(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._in_thread(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        """What a client is told."""
        return f"{HOST}:{self.port}"

    @property
    def open(self) -> int:
        """Connections that clients hold open now."""
        return len(self._connections)

    def be(self, network: Network) -> None:
        """Be such a network from now on."""
        self._in_thread(self._be(network))

    def cut(self) -> None:
        """Reset the connections that are open, once; new ones are as before."""
        self._in_thread(self._each(self._reset))

    def _in_thread(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(_CONTROL_TIMEOUT_S)

    async def _start(self) -> None:
        self._changed = asyncio.Event()
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for connection in self._connections for task in connection.tasks]
        await self._each(self._close)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the transports to close their sockets

    async def _be(self, network: Network) -> None:
        self._network = network
        self._changed.set()
        self._changed = asyncio.Event()
        if network.reset:
            await self._each(self._reset)
        if network.half_open:
            await self._each(self._lose_server)

    async def _each(self, do: Callable[[_Connection], None]) -> None:
        for connection in list(self._connections):
            do(connection)

    async def _accept(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.opened += 1
        connection = _Connection(client)
        self._connections.add(connection)
        if self._network.reset:
            self._reset(connection)
            return
        try:
            from_server, connection.server = await asyncio.open_connection(HOST, self.target_port)
        except OSError:
            self._close(connection)
            return
        if self._network.half_open:
            self._lose_server(connection)
        up, down = Arrivals(), Arrivals()
        connection.tasks = [
            asyncio.create_task(work)
            for work in (
                self._listen_to_client(connection, from_client, up),
                self._tell_server(connection, connection.server, up),
                self._arrivals(from_server, down),
                self._tell_client(connection, down),
            )
        ]

    async def _arrivals(self, reader: asyncio.StreamReader, into: Arrivals) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                into.put_nowait((self._loop.time(), data))
        into.put_nowait((self._loop.time(), b""))

    async def _listen_to_client(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        into: Arrivals,
    ) -> None:
        await self._arrivals(reader, into)
        self._close(connection)

    async def _tell_server(
        self,
        connection: _Connection,
        server: asyncio.StreamWriter,
        arrivals: Arrivals,
    ) -> None:
        while True:
            arrived_s, data = await arrivals.get()
            await self._until_due(lambda since=arrived_s: since)
            if not connection.is_dead:
                await self._write(server, data)

    async def _tell_client(self, connection: _Connection, arrivals: Arrivals) -> None:
        while True:
            arrived_s, data = await arrivals.get()
            await self._until_due(lambda since=arrived_s: since + self._network.latency_s)
            if connection.is_dead:
                continue
            middle = _middle_of_data(connection, data)
            if self._network.truncate and middle is not None:
                connection.client.write(data[:middle])
                data = b""
            if not data:
                self._close(connection)
                return
            await self._write(connection.client, data)

    async def _until_due(self, due_s: Callable[[], float]) -> None:
        """Wait until a time that a change of the network may change."""
        while True:
            wait_s = None if self._network.black_hole else due_s() - self._loop.time()
            if wait_s is not None and wait_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the reading side sees that the connection is gone
            while data and not writer.is_closing():
                rate = self._network.bytes_per_s
                size = len(data) if math.isinf(rate) else max(1, int(rate * _TRICKLE_STEP_S))
                writer.write(data[:size])
                data = data[size:]
                await writer.drain()
                if not math.isinf(rate):
                    await asyncio.sleep(_TRICKLE_STEP_S)

    def _close(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        connection.client.close()
        if connection.server is not None:
            connection.server.close()
        for task in connection.tasks:
            task.cancel()

    def _reset(self, connection: _Connection) -> None:
        raw = connection.client.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.client.transport.abort()
        self._close(connection)

    def _lose_server(self, connection: _Connection) -> None:
        connection.is_dead = True
        if connection.server is not None:
            connection.server.transport.abort()


def _middle_of_data(connection: _Connection, data: bytes) -> int | None:
    """Where the first DATA frame that begins in these bytes of the server is half over."""
    found = None
    at = connection.frame_bytes_left
    while at + _FRAME_HEADER_BYTES <= len(data):
        length, kind = int.from_bytes(data[at : at + 3]), data[at + 3]
        if kind == _DATA_FRAME and length and found is None:
            found = at + _FRAME_HEADER_BYTES + length // 2
        at += _FRAME_HEADER_BYTES + length
    connection.frame_bytes_left = max(0, at - len(data))
    return found
