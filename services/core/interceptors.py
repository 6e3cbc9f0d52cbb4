"""gRPC interceptors: what every call goes through before a servicer sees it, whatever its kind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
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


class Around(grpc.aio.ServerInterceptor):
    """Puts a context manager around the handler of every known method, whether it streams or not."""

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler."""
        handler = await continuation(details)
        return None if handler is None else self.wrap(handler, str(details.method))

    def wrap(self, handler: Handler, method: str) -> Handler:
        """A handler of the same kind with the context manager around it."""
        inner: Any

        if not handler.response_streaming:
            inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

            async def answer(request: Any, context: Context) -> Any:
                async with self.around(context, method, streams=False):
                    return await inner(request, context)

            return _like(handler, answer)

        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def answer_many(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self.around(context, method, streams=True):
                async for response in inner(request, context):
                    yield response

        return _like(handler, answer_many)

    def around(self, context: Context, method: str, *, streams: bool) -> AbstractAsyncContextManager[object]:
        """What is entered before a call is answered, and left after its last answer."""
        raise NotImplementedError


class ErrorsToStatus(Around):
    """Lets servicers simply raise: the status is chosen here, once. Must be the outermost."""

    def around(self, context: Context, method: str, *, streams: bool) -> Answering:
        """Turn whatever is raised into a status."""
        return Answering(context, method)


class Answering:
    """A call from its metadata to its status. No generator's context manager: every call pays for it."""

    __slots__ = ("context", "method")

    def __init__(self, context: Context, method: str) -> None:
        """Nothing is asked of the call yet."""
        self.context, self.method = context, method

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Turn what was raised into a status with details; a bug's own words stay in the log."""
        if error is None or isinstance(error, grpc.aio.AbortError):
            return
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling():
                return  # the caller went away, or the server stops
            # Something within was cancelled: left alone, the caller would wait until its own deadline.
        elif not isinstance(error, Exception):
            return
        await _abort(self.context, self.method, error)


async def _abort(context: Context, method: str, error: BaseException) -> None:
    shown = reported(error)
    if type(shown) is ServiceError:
        log.error("bug in %s", method, exc_info=error)
    status = as_status(error)
    sent = (*context.trailing_metadata(), (_DETAILS, status.SerializeToString()))
    await context.abort(shown.grpc, status.message, trailing_metadata=sent)


class Authenticated(Around):
    """Lets a call through only after `admit` has taken its `authorization` metadata; every method.

    A stream may outlive its token, so its caller is looked at again and again.
    """

    AGAIN_S = 2.0

    def __init__(self, admit: Callable[[str | None, str], Awaitable[object]]) -> None:
        """`admit` gets the metadata and the method; it raises a ServiceError for who may not pass."""
        self._admit = admit

    @asynccontextmanager
    async def around(self, context: Context, method: str, *, streams: bool) -> AsyncIterator[None]:
        """Refuse who may not pass, end the streams of those who may not any more."""
        bearer = authorization(context)
        await self._admit(bearer, method)
        if not streams:
            yield
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - every call is one
        watch = asyncio.create_task(self._watch(bearer, method, task))
        try:
            yield
        except asyncio.CancelledError:
            if not watch.done():
                raise
            task.uncancel()
            watch.result()  # raises why
        finally:
            watch.cancel()

    async def _watch(self, bearer: str | None, method: str, task: asyncio.Task[Any]) -> None:
        try:
            while True:
                await asyncio.sleep(self.AGAIN_S)
                await self._admit(bearer, method)
        except ServiceError:
            task.cancel()
            raise


def authorization(context: Context) -> str | None:
    """The `authorization` metadata of a call; of two values nobody can say which of them counts."""
    values = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    return str(values[0]) if len(values) == 1 else None


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
        if handler is None or handler.request_deserializer is None:
            return handler
        parse = _parser(handler.request_deserializer)
        inner: Any

        async def parsed(messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
            async for raw in messages:
                yield parse(raw)

        def read(sent: Any) -> Any:
            return parsed(sent) if handler.request_streaming else parse(sent)

        if not handler.response_streaming:
            inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

            async def answer(sent: Any, context: Any) -> Any:
                return await inner(read(sent), context)

            return _like(handler, answer, parse=None)

        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def answer_many(sent: Any, context: Any) -> AsyncIterator[Any]:
            async for response in inner(read(sent), context):
                yield response

        return _like(handler, answer_many, parse=None)


def _parser(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parsed(raw: bytes) -> Any:
        try:
            return parse(raw)
        except DecodeError:
            raise InvalidRequestError("The message cannot be read as the request of this call") from None

    return parsed


_AS_IT_WAS: Any = object()


def _like(handler: Handler, answer: Any, *, parse: Any = _AS_IT_WAS) -> Handler:
    """A handler of the same kind that answers by `answer`."""
    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    parse = handler.request_deserializer if parse is _AS_IT_WAS else parse
    made: Handler = make(answer, parse, handler.response_serializer)
    return made
