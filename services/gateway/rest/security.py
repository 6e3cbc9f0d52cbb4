"""Who is asking, as the routes' signatures declare it."""

import re
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from services.core.deadline import Deadline
from services.core.errors import InvalidRequestError
from services.gateway.login import Caller
from services.gateway.tokens import bearer_token
from services.gateway.wiring import Gateway

TIMEOUT = "X-Request-Timeout"

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")

SCHEME = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)
"""Only tells OpenAPI where tokens come from; the header is read the same way as on the gRPC edge."""


def gateway_of(request: Request) -> Gateway:
    """What the application was made over."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def caller_of(request: Request) -> Caller:
    """Whose token a request bears. Raises UnauthenticatedError."""
    # Of two headers nobody can say which one counts.
    headers = request.headers.getlist("authorization")
    token = bearer_token(headers[0]) if len(headers) == 1 else None
    return await gateway_of(request).login.caller(token)


def deadline_of(request: Request) -> Deadline:
    """The caller's, from the header X-Request-Timeout (seconds), no later than the gateway's own."""
    asked = request.headers.get(TIMEOUT)
    longest_s = gateway_of(request).settings.timeout_s
    if asked is None:
        return Deadline.after(longest_s)
    if not _SECONDS.fullmatch(asked):
        raise InvalidRequestError(f"{TIMEOUT} must be a number of seconds, such as 2.5")
    return Deadline.after(min(float(asked), longest_s))


# Coroutines though the first does not wait: FastAPI would run a plain function in a thread.
async def _gateway(request: Request) -> Gateway:
    return gateway_of(request)


async def _caller(request: Request, _: Annotated[str | None, Depends(SCHEME)]) -> Caller:
    return await caller_of(request)


TheGateway = Annotated[Gateway, Depends(_gateway)]

LoggedIn = Annotated[Caller, Depends(_caller)]
"""A caller with a valid token; without one the route is never entered."""
