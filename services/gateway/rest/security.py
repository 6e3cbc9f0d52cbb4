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

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")

_scheme = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)
"""Only tells OpenAPI where tokens come from; the header is read the same way as on the gRPC edge."""


# All of these are coroutines though few wait: FastAPI would run a plain function in a thread.
async def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(_gateway)]


async def _caller(
    request: Request, gateway: TheGateway, _: Annotated[str | None, Depends(_scheme)]
) -> Caller:
    # Of two headers nobody can say which one counts.
    headers = request.headers.getlist("authorization")
    return await gateway.login.caller(bearer_token(headers[0]) if len(headers) == 1 else None)


async def _deadline(request: Request, gateway: TheGateway) -> Deadline:
    """The caller's, from the header X-Request-Timeout (seconds), no later than the gateway's own."""
    asked = request.headers.get("x-request-timeout")
    longest_s = gateway.settings.timeout_s
    if asked is None:
        return Deadline.after(longest_s)
    if not _SECONDS.fullmatch(asked):
        raise InvalidRequestError("X-Request-Timeout must be a number of seconds, such as 2.5")
    return Deadline.after(min(float(asked), longest_s))


TheDeadline = Annotated[Deadline, Depends(_deadline)]

LoggedIn = Annotated[Caller, Depends(_caller)]
"""A caller with a valid token; without one the route is never entered."""
