"""gRPC interceptors: what every call goes through before a servicer sees it. Unary calls only."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from services.core.errors import InvalidRequestError, ServiceError, as_status, reported

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"
_DETAILS = "grpc-status-details-bin"


class _UnaryInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the unary handler of every known method; refuses to let any other kind through unwrapped."""

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(details)
        if handler is None:
            return None
        unary = handler.unary_unary
        if unary is None:
            raise TypeError(f"{details.method} is not unary: its interceptors have to be written first")

        async def answer(request: Any, context: Context) -> Any:
            return await self.around(unary, request, context, details.method)

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )

    async def around(self, unary: Any, request: Any, context: Context, method: str) -> Any:
        """Answer a call by `unary`, or not."""
        raise NotImplementedError


class ErrorsToStatus(_UnaryInterceptor):
    """Lets servicers simply raise: the status is chosen here, once. Must be the outermost."""

    async def around(self, unary: Any, request: Any, context: Context, method: str) -> Any:
        """Turn whatever is raised into a status with details; a bug's own words stay in the log."""
        try:
            return await unary(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            shown = reported(error)
            if type(shown) is ServiceError:
                log.exception("bug in %s", method)
            status = as_status(error)
            await context.abort(
                shown.grpc, status.message, trailing_metadata=((_DETAILS, status.SerializeToString()),)
            )


class Authenticated(_UnaryInterceptor):
    """Lets a call through only after `admit` has taken its `authorization` metadata; every method."""

    def __init__(self, admit: Callable[[str | None], Awaitable[object]]) -> None:
        """`admit` raises a ServiceError for a caller who may not pass."""
        self._admit = admit

    async def around(self, unary: Any, request: Any, context: Context, method: str) -> Any:
        """Refuse two values, as nobody can say which of them counts."""
        values = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        await self._admit(str(values[0]) if len(values) == 1 else None)
        return await unary(request, context)


class Deserialized(grpc.aio.ServerInterceptor):
    """Parses messages where a refusal can still be said. Must be the innermost.

    gRPC itself would parse before any interceptor is asked, and answer what cannot be parsed with the
    name of a Python exception.
    """

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Take the parser off the handler, and run it within."""
        handler = await continuation(details)
        if handler is None:
            return None
        unary: Any = handler.unary_unary
        parse: Any = handler.request_deserializer

        async def answer(raw: bytes, context: Any) -> Any:
            try:
                request = parse(raw)
            except DecodeError:
                raise InvalidRequestError("The message cannot be read as the request of this call") from None
            return await unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, None, handler.response_serializer)
