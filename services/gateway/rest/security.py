"""Who may call which route, and for how long the caller waits."""

import re
from typing import Annotated

from fastapi import Depends, Request

from services.core.deadline import Deadline
from services.core.errors import InvalidRequestError
from services.gateway.wiring import Gateway

TIMEOUT = "X-Request-Timeout"

SECONDS = r"[0-9]{1,6}(\.[0-9]{1,6})?"
_SECONDS = re.compile(SECONDS)


def gateway_of(request: Request) -> Gateway:
    """What the application was made over."""
    gateway: Gateway = request.app.state.gateway
    return gateway


# Coroutines though they do not wait: FastAPI would run a plain function in a thread.
async def _gateway(request: Request) -> Gateway:
    return gateway_of(request)


TheGateway = Annotated[Gateway, Depends(_gateway)]


async def guard(request: Request) -> None:
    """Before every route: let through whom policy.py lets through.

    Raises what Entrance.admit does.
    """
    # Of two headers nobody can say which one counts.
    headers = request.headers.getlist("authorization")
    authorization = headers[0] if len(headers) == 1 else None
    call = f"{request.method} {request.scope['route'].path_format}"
    await gateway_of(request).entrance.admit(authorization, call)


def deadline_of(request: Request, longest_s: float | None = None) -> Deadline:
    """The caller's, from the header X-Request-Timeout (seconds), no later than the gateway's own.

    That is `longest_s` from now, by default what a forecast may take.
    """
    asked = request.headers.get(TIMEOUT)
    longest_s = longest_s or gateway_of(request).settings.timeout_s
    if asked is None:
        return Deadline.after(longest_s)
    if not _SECONDS.fullmatch(asked):
        raise InvalidRequestError(f"{TIMEOUT} must be a number of seconds, such as 2.5")
    return Deadline.after(min(float(asked), longest_s))
