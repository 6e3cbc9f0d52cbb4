"""The gRPC edge's outermost layer: an id for every call, and what is told of it in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from services.core.interceptors import Answering, Continuation, ErrorsToStatus, Handler
from services.core.telemetry.calls import REQUEST_ID
from services.gateway.metrics import OTHER
from services.gateway.observed import READ, Begun, Edge
from services.gateway.rpc.calls import Context

_OUR_FAULT = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Observed(ErrorsToStatus):
    """Errors to status, and tells of every call, those of unknown methods too. Must be the outermost."""

    def __init__(self, models: Collection[str]) -> None:
        """Tell of these models by their names."""
        self._edge = Edge("grpc", models)

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler; where there is none, one that says so."""
        handler = await continuation(details)
        return self.wrap(handler, str(details.method)) if handler else self.wrap(_NO_HANDLER, f"/{OTHER}")

    def around(self, context: Context, method: str, *, streams: bool) -> Answering:
        """From a call's metadata to its status."""
        return _Told(context, method, self._edge)


class _Told(Answering):
    __slots__ = ("_begun", "_edge")
    _begun: Begun

    def __init__(self, context: Context, method: str, edge: Edge) -> None:
        super().__init__(context, method)
        self._edge = edge

    async def __aenter__(self) -> None:
        context = self.context
        headers = {key: str(value) for key, value in context.invocation_metadata() or () if key in READ}
        self._begun = self._edge.begin(self.method[1:], headers, _address(context.peer()))
        context.set_trailing_metadata(((REQUEST_ID, self._begun.call.request_id),))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            said = self.context.code()
            code = "OK" if error is None else _name(said) if said else "CANCELLED"
            self._edge.end(self._begun, self.method[1:], code, failed=code in _OUR_FAULT)


def _address(peer: str) -> str:
    """
    >>> _address("ipv4:127.0.0.1:41234")
    '127.0.0.1'
    """
    return peer.partition(":")[2].rpartition(":")[0]


def _name(code: Any) -> str:
    """gRPC's asyncio says a status as a StatusCode or as its number."""
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code, "UNKNOWN")


async def _refuse(_requests: object, context: Context) -> AsyncIterator[Any]:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
    yield  # never: it makes this a stream, which fits whatever the caller takes the method for


_NO_HANDLER: Handler = grpc.stream_stream_rpc_method_handler(_refuse)
