"""The HTTPS edge's server: uvicorn, with its signals, its farewell and its patience changed."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Generator
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.core.telemetry.calls import chosen
from services.gateway.observed import Edge
from services.gateway.rest import headers
from services.gateway.rest.app import create_app
from services.gateway.rest.doorway import Door, doorway, leave
from services.gateway.rest.hosts import Hosts, host_of, only_for
from services.gateway.rest.observed import observed
from services.gateway.settings import StartError
from services.gateway.wiring import Gateway

MAX_HEAD_BYTES = 32 * 1024
"""Request line and headers of one request."""

_FAREWELL_S = 0.5


class _Protocol(HttpToolsProtocol):
    """Refuses endless headers, and does not wait for an idle client to say goodbye.

    Closing TLS sends a farewell and waits for the peer's, which a client with an idle connection in its
    pool sends when it next looks: shutting down would take as long as its deadline.
    """

    _unparsed_bytes = 0
    """Received since the last head was complete; counts what the parser holds back."""
    _head_bytes = 0
    """Of the headers the parser has given out."""
    _in_head = True
    _is_refused = False
    """Whether the request whose body is being read was sent away."""

    def __init__(self, door: Door, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._door = door

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._unparsed_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        elif refusal := self._refusal():
            self._send_away(refusal)
        else:
            self._name_host_of_target()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._is_refused and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._unparsed_bytes, self._head_bytes = True, 0, 0
        if self._is_refused:
            self._is_refused = False
            self.on_response_complete()
        else:
            super().on_message_complete()

    def _name_host_of_target(self) -> None:
        """Have a target that names another host than the header count as a second one."""
        named = host_of(self.url)
        if named is None:
            return
        given = [value for name, value in self.headers if name == b"host"]
        if given and named not in given:
            self.headers.append((b"host", named))

    def _refusal(self) -> bytes | None:
        """What a request is answered that is sent away; answers that others wait for come first."""
        if self.cycle and not self.cycle.response_complete:
            return None
        return self._door.refusal(self.parser.get_method(), self.url, self.headers)

    def _send_away(self, refusal: bytes) -> None:
        self._is_refused = True
        self.transport.write(refusal)
        if not self.parser.should_keep_alive():
            self.transport.close()

    def _refuse_head(self) -> None:
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        self._hang_up()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST)
        self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what never became a request."""
        head = f"HTTP/1.1 {status} {status.phrase}\r\nx-request-id: {chosen(None)}\r\n{headers.AS_TEXT}"
        self.transport.write(f"{head}connection: close\r\ncontent-length: 0\r\n\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.cycle and not self.cycle.response_complete:
            leave(cast(Scope, self.cycle.scope))

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._hang_up()

    def _hang_up(self) -> None:
        self.transport.close()
        asyncio.get_running_loop().call_later(_FAREWELL_S, self.transport.abort)


class HttpsServer(uvicorn.Server):
    """Serves until `should_exit` is set; leaves signals to whoever runs both edges."""

    def __init__(self, gateway: Gateway) -> None:
        """Bind the port over a gateway that is open already; raises StartError where it cannot."""
        settings = gateway.settings
        try:
            self._socket = socket.create_server(
                (settings.bind_address, settings.https_port), reuse_port=settings.worker is not None
            )
        except OSError as error:
            address = f"{settings.bind_address}:{settings.https_port}"
            raise StartError(f"HTTPS cannot listen on {address}: {error.strerror or error}") from error
        edge = Edge("https", settings.models)
        hosts = Hosts(settings.allowed_hosts, gateway.certificates)
        super().__init__(
            uvicorn.Config(
                observed(only_for(hosts, doorway(create_app(gateway), gateway.admission)), edge),
                ssl_context_factory=lambda _config, _default: gateway.certificates.context(),
                http=cast(type[asyncio.Protocol], partial(_Protocol, Door(gateway.admission, edge))),
                ws="none",
                lifespan="off",
                server_header=False,
                headers=list(headers.ALWAYS),
                # Nobody stands before this port whose word on a caller's address counts.
                proxy_headers=False,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=math.ceil(settings.drain_s),
            )
        )

    async def run_until_told(self) -> None:
        """Answer until `should_exit` is set and the calls in flight are finished."""
        await self.serve([self._socket])

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield
