"""gRPC edge: what both services' methods share. Translates and decides nothing."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from services.serving.status import StatusError

log = logging.getLogger(__name__)

MAX_STATUS_BYTES = 2000
"""Most of a message that is sent: it may repeat the caller's names, and gRPC drops headers over 8 kB."""

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


def unary(
    answer: Callable[[Any, Context], Awaitable[Message]], request: type[Message]
) -> "grpc.RpcMethodHandler[Any, Any]":
    """A method that answers by `answer`; what that raises becomes the status."""

    async def answered(raw: bytes, context: Context) -> Message:
        try:
            return await answer(request.FromString(raw), context)
        except DecodeError:
            await context.abort(grpc.StatusCode.INTERNAL, f"Error parsing {request.DESCRIPTOR.full_name}")
        except StatusError as error:
            await context.abort(error.code, _cut(error.message))
        except Exception:  # a bug of ours: nothing of it leaves
            log.exception("bug while answering %s", request.DESCRIPTOR.full_name)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")

    # No request_deserializer: gRPC would tell the caller which Python exception a bad message raised.
    return grpc.unary_unary_rpc_method_handler(answered, response_serializer=_serialized)


def _cut(message: str) -> str:
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= MAX_STATUS_BYTES:
        return message
    return encoded[:MAX_STATUS_BYTES].decode("utf-8", "ignore") + "..."


def _serialized(response: Message) -> bytes:
    return response.SerializeToString()
