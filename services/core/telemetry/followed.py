"""gRPC interceptors of a service that is asked by another of ours: found by its caller's id, in its trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from services.core.interceptors import Around, Context, Continuation, Handler
from services.core.telemetry import calls, traces


class Followed(grpc.aio.ServerInterceptor):
    """What is logged of a call names the id that its caller sent."""

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Note the id for the task that answers the call: this one."""
        for key, value in details.invocation_metadata or ():
            if key == calls.REQUEST_ID:
                calls.begin(str(value))
                break
        return await continuation(details)


class Traced(Around):
    """A span of every call that is part of a trace; idle questions are not. Only where spans are on."""

    @asynccontextmanager
    async def around(self, context: Context, method: str, *, streams: bool) -> AsyncIterator[None]:
        """From the call's metadata to its answer."""
        headers = {key: str(value) for key, value in context.invocation_metadata() or ()}
        name = method.removeprefix("/")
        span = traces.begin(name, headers) if traces.TRACE_HEADERS[0] in headers else None
        failed = True
        try:
            yield
            failed = False
        finally:
            if span:
                attributes = {"wattgate.request_id": calls.request_id() or ""}
                traces.end(span, name, attributes, failed=failed)
