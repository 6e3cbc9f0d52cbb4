"""HTTP/1.1 as uvicorn speaks it, with bounds on size and time for clients that mean no good."""
# ruff: noqa: D102 - the names are asyncio's, httptools' and uvicorn's, and so is what they are for

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.core.telemetry.calls import chosen
from services.gateway.rest import headers
from services.gateway.rest.doorway import Door, leave
from services.gateway.rest.hosts import host_of
from services.gateway.rest.problems import MEDIA_TYPE

MAX_HEAD_BYTES = 32 * 1024
"""Request line and headers of one request."""

_LEAST_BYTES = 10 * 1024
"""Of an upload within each `Patience.client_s`: 8 kbit/s by default, less than any line has today."""

_FRAMING_BYTES = 64 * 1024
"""Of a body in chunks, besides as much framing as there is content: chunks of a few bytes each, endless
extensions and trailers would otherwise cost much and carry nothing."""

_FAREWELL_S = 0.5


@dataclass(frozen=True)
class Patience:
    """How long a client may take. uvicorn itself waits for ever."""

    client_s: float
    """For the head of a request, and for each piece of its body."""
    upload_s: float
    """For all of the body."""


class Protocol(HttpToolsProtocol):
    """Refuses what is endless, and does not wait for an idle client to say goodbye.

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
    _sent_bytes = 0
    """Received since the head of a request, without what came along with it."""
    _body_bytes = 0
    """Content among them."""
    _is_over = False
    """Whether nothing more is read: what came was refused, or ended the conversation."""
    _turn_s: float | None = None
    """When it became the client's turn to go on with a head or a body; None while it is ours."""
    _piece_s = 0.0
    """When the piece of a body that is waited for began."""
    _piece_bytes = 0

    def __init__(
        self, door: Door, patience: Patience, is_inside: Callable[[], None], **of_uvicorn: Any
    ) -> None:
        super().__init__(**of_uvicorn)
        self._door, self._patience, self._is_inside = door, patience, is_inside

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_inside()
        self._turn_s = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self._is_over or self.transport.is_closing():
            return
        if self._in_head:
            self._unparsed_bytes += len(data)
            if self._turn_s is None:
                self._turn_s = self.loop.time()
        else:
            self._sent_bytes += len(data)
        super().data_received(data)
        if self._in_head:
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._sent_bytes > _FRAMING_BYTES + 2 * self._body_bytes:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: were it kept, it would pass for a header
        self._head_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_over:
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._in_head = False
        self._turn_s = self._piece_s = self.loop.time()
        self._piece_bytes = self._sent_bytes = self._body_bytes = 0
        if refusal := self._refusal():
            self._send_away(refusal)
        else:
            self._name_host_of_target()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._piece_bytes += len(body)
        self._body_bytes += len(body)
        if not self._is_refused and not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_over:
            return
        self._in_head, self._unparsed_bytes, self._head_bytes, self._turn_s = True, 0, 0, None
        if self._is_refused:
            self._is_refused = False
            self.on_response_complete()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        is_last = self._is_over and not self.pipeline
        super().on_response_complete()
        if is_last:
            self._hang_up()

    def hurry(self, now_s: float) -> None:
        """Hang up on a client that takes too long. Called now and then: a timer a request would cost more."""
        if self._turn_s is None or self._is_over:
            return
        if self._in_head:
            if now_s - self._turn_s < self._patience.client_s or self._is_answering:
                return
            if self._unparsed_bytes:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self._hang_up()
        elif now_s - self._turn_s > self._patience.upload_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self.flow.read_paused:  # by us
            self._piece_s, self._piece_bytes = now_s, 0
        elif now_s - self._piece_s >= self._patience.client_s:
            if self._piece_bytes < _LEAST_BYTES:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            self._piece_s, self._piece_bytes = now_s, 0

    @property
    def _is_answering(self) -> bool:
        """Whether the answer to an earlier request is still to come."""
        return bool(self.cycle) and not self.cycle.response_complete

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
        if self._is_answering:
            return None
        return self._door.refusal(self.parser.get_method(), self.url, self.headers)

    def _send_away(self, refusal: bytes) -> None:
        self._is_refused = True
        self.transport.write(refusal)
        if not self.parser.should_keep_alive():
            self._is_over = True
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _unsupported_upgrade_warning(self) -> None:
        # The parser dropped what came with it, as that may be another protocol's.
        self._end_after_answer()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what never became a request, or not a whole one, and hang up."""
        if not self._in_head and self.pipeline:
            # Its turn to be answered has not come. Nor will it: those before it are the last.
            self.pipeline.popleft()
            self._is_over = True
            return
        if self._in_head and self._is_answering:
            self._end_after_answer()
            return
        if not self._is_answered:
            id_ = chosen(None)
            problem = {
                "type": "about:blank",
                "title": status.phrase,
                "status": status.value,
                "detail": status.description or status.phrase,
                "reason": status.name,
                "request_id": id_,
            }
            body = json.dumps(problem)
            self.transport.write(
                f"HTTP/1.1 {status} {status.phrase}\r\nx-request-id: {id_}\r\n{headers.AS_TEXT}"
                f"content-type: {MEDIA_TYPE}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
                f"{body}".encode()
            )
        self._hang_up()

    def _end_after_answer(self) -> None:
        """Read no further; whoever waits for the answer to an earlier request gets that."""
        if self._is_answering:
            self._is_over = True
            self.cycle.keep_alive = False
        else:
            self._hang_up()

    @property
    def _is_answered(self) -> bool:
        """Whether the request whose body is being read has an answer, or the beginning of one, already."""
        return not self._in_head and (self._is_refused or bool(self.cycle and self.cycle.response_started))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._is_answering:
            leave(cast(Scope, self.cycle.scope))

    def timeout_keep_alive_handler(self) -> None:
        self._hang_up()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._hang_up()

    def _hang_up(self) -> None:
        self._is_over = True
        self.transport.close()
        self.loop.call_later(_FAREWELL_S, self.transport.abort)
