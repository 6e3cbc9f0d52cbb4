"""The gRPC edge's outermost layer: an id for every call, and what is told of it in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from services.core.errors import StoppingError
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
        self.edge = Edge("grpc", models)
        self._unknown = self.wrap(_NO_HANDLER, f"/{OTHER}")
        self._wrapped: dict[str, Handler] = {}
        self.under_way: set[asyncio.Task[Any]] = set()
        self.is_over = False
        """Whether the server's patience with calls in flight is over."""

    def cut_off(self) -> None:
        """End all calls under way; their callers are told why."""
        self.is_over = True
        for task in self.under_way:
            task.cancel()

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler, once and not for every call; where there is none, one that says so."""
        method = str(details.method)
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(details)
            if handler is None:
                return self._unknown
            wrapped = self._wrapped[method] = self.wrap(handler, method)
        return wrapped

    def around(self, context: Context, method: str, *, streams: bool) -> Answering:
        """From a call's metadata to its status."""
        return _Told(context, method, self)


class _Told(Answering):
    __slots__ = ("_begun", "_observed", "_task")
    _begun: Begun
    _task: asyncio.Task[Any]

    def __init__(self, context: Context, method: str, observed: Observed) -> None:
        super().__init__(context, method)
        self._observed = observed

    async def __aenter__(self) -> None:
        context = self.context
        self._task = _current_task()
        self._observed.under_way.add(self._task)
        headers = {key: str(value) for key, value in context.invocation_metadata() or () if key in READ}
        self._begun = self._observed.edge.begin(self.method[1:], headers, _address(context.peer()))
        context.set_trailing_metadata(((REQUEST_ID, self._begun.call.request_id),))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._observed.under_way.discard(self._task)
        if isinstance(error, asyncio.CancelledError) and self._observed.is_over:
            self._task.uncancel()
            error = StoppingError("The gateway stops before the answer is ready; try again")
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            said = self.context.code()
            code = "OK" if error is None else _name(said) if said else "CANCELLED"
            self._observed.edge.end(self._begun, self.method[1:], code, failed=code in _OUR_FAULT)


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - every call is answered by one
    return task


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
