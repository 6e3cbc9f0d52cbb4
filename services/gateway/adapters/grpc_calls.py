"""Calls to model servers over gRPC, whatever the protocol; their failures become ours."""

import logging
from collections.abc import Callable
from functools import reduce

import grpc
import grpc.aio

from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError, ServiceError
from services.gateway.adapters.balancing import Balancer
from services.gateway.models import VersionGoneError

log = logging.getLogger(__name__)


async def call(balancer: Balancer, method: str, message: bytes, *, timeout_s: float) -> bytes:
    """What one of the targets answers. Raises a ServiceError."""
    try:
        return await balancer.call(method, message, timeout_s=timeout_s)
    except grpc.aio.AioRpcError as error:
        raise ours(error, timeout_s) from error


async def versions(
    balancer: Balancer, method: str, message: bytes, read: Callable[[bytes], set[int]], *, timeout_s: float
) -> list[int]:
    """The versions that targets answer, the newest first; raises ModelUnavailableError where there is none.

    Of several model servers those that all have, where there are such: while a version is rolled out
    server by server, calls must not depend on whom they meet.
    """
    answers = await balancer.call_each(method, message, timeout_s=timeout_s)
    found = [read(answer) for answer in answers if isinstance(answer, bytes)]
    if not found:
        for error in answers:
            assert isinstance(error, grpc.aio.AioRpcError)  # noqa: S101 - there was no other answer
            raise ours(error, timeout_s) from error
        raise ModelUnavailableError("The model server does not answer; try again in a moment")
    shared = reduce(set.intersection, found) or set().union(*found)
    if not shared:
        raise ModelUnavailableError("The model server has no version of the model available")
    return sorted(shared, reverse=True)


def ours(error: grpc.aio.AioRpcError, timeout_s: float) -> ServiceError:
    """What the caller is told of a failed call; the model server's own words are a note for our log."""
    code = error.code()
    said: ServiceError
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        said = DeadlineError(f"The model server did not answer within {timeout_s:.1f} s")
    elif code is grpc.StatusCode.NOT_FOUND:
        said = VersionGoneError("The model server does not have this version of the model")
    elif code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        said = ModelUnavailableError("The model server does not answer; try again in a moment")
    else:
        log.warning("model server: %s: %s", code.name, error.details())
        said = ModelFailedError("The model server refused the request")
    said.add_note(f"{code.name}: {error.details()}")
    return said
