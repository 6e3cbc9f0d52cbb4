"""Who is asking, as the routes' signatures declare it."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from services.gateway.login import Caller
from services.gateway.tokens import bearer_token
from services.gateway.wiring import Gateway

_scheme = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)
"""Only tells OpenAPI where tokens come from; the header is read the same way as on the gRPC edge."""


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(_gateway)]


async def _caller(
    request: Request, gateway: TheGateway, _: Annotated[str | None, Depends(_scheme)]
) -> Caller:
    # Of two headers nobody can say which one counts.
    headers = request.headers.getlist("authorization")
    return await gateway.login.caller(bearer_token(headers[0]) if len(headers) == 1 else None)


LoggedIn = Annotated[Caller, Depends(_caller)]
"""A caller with a valid token; without one the route is never entered."""
