"""POST /token: OAuth2's password grant, as the thesis uses it, and the one for programs."""

import base64
from collections.abc import Awaitable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from services.core.errors import TooLargeError, UserStoreUnavailableError
from services.gateway.login import (
    Login,
    LoginError,
    TooManyLoginsError,
    UnsupportedGrantError,
    WrongClientError,
)
from services.gateway.passwords import PasswordRuleError
from services.gateway.rest.schemas.accounts import OAuthErrorOut, TokenOut
from services.gateway.rest.security import TheGateway
from services.gateway.rest.uploads import read_body
from services.gateway.store.clients import CLIENT_CREDENTIALS, GRANTS, PASSWORD, Client
from services.gateway.tokens import Token

router = APIRouter(tags=["login"])

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM_BYTES = 8 * 1024
_MAX_FIELDS = 16
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CHALLENGES = {"invalid_grant": "Bearer", "invalid_client": 'Basic realm="wattgate"'}
"""Errors that are 401, the first as the thesis has it, and what to come with instead."""


_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": OAuthErrorOut} for status in (400, 401, 413, 429, 503)
}
_PASSWORD = {"type": "string", "format": "password"}
_FIELDS: dict[str, Any] = {
    "grant_type": {"type": "string", "enum": list(GRANTS), "default": PASSWORD},
    "username": {"type": "string"},
    "password": _PASSWORD,
    "scope": {"type": "string", "description": "With blanks between; by default all that may be had."},
    "client_id": {"type": "string"},
    "client_secret": _PASSWORD,
}
_CHANGE: dict[str, Any] = {"username": {"type": "string"}, "password": _PASSWORD, "new_password": _PASSWORD}


def _form_of(title: str, fields: dict[str, Any], *required: str) -> dict[str, Any]:
    """What FastAPI cannot see of a form, for OpenAPI."""
    schema: dict[str, Any] = {"title": title, "type": "object", "properties": fields}
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"required": True, "content": {_FORM: {"schema": schema}}}}


class _BadFormError(LoginError):
    """What was sent is no login."""


class _UnavailableError(LoginError):
    """Nobody can be looked up now."""

    error = "temporarily_unavailable"


@router.post(
    "/token",
    response_model=TokenOut,
    responses=_REFUSALS,
    openapi_extra=_form_of("TokenIn", _FIELDS),
)
async def issue_token(request: Request, gateway: TheGateway) -> Response:
    """Exchange a username and password, or a client's id and secret, for an access token."""
    return await _in_oauths_words(_token(request, gateway.login))


@router.post(
    "/v1/password",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_REFUSALS,
    openapi_extra=_form_of("PasswordChangeIn", _CHANGE, *_CHANGE),
)
async def change_password(request: Request, gateway: TheGateway) -> Response:
    """Change one's own password; tokens that the old one gave end."""
    return await _in_oauths_words(_change_password(request, gateway.login))


async def _in_oauths_words(answering: Awaitable[Response]) -> Response:
    """An answer, or why there is none as RFC 6749 has it."""
    try:
        return await answering
    except PasswordRuleError as error:
        return _refusal(_BadFormError(f"Not done: {error}"))
    except TooLargeError as error:
        return _refusal(_BadFormError(str(error)), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except LoginError as error:
        return _refusal(error)
    except UserStoreUnavailableError as error:
        return _refusal(_UnavailableError(str(error)), error.http, error.retry_after_s)


async def _token(request: Request, login: Login) -> Response:
    form = await _form(request)
    client = await _client(request, form, login)
    issued = await _issue(form, client, _address(request), login)
    body = TokenOut(access_token=issued.access_token, expires_in=issued.expires_in_s, scope=issued.scope)
    return JSONResponse(body.model_dump(), headers=_NO_STORE)


async def _change_password(request: Request, login: Login) -> Response:
    username, password, new = _fields(await _form(request), *_CHANGE)
    await login.change_password(username, password, new, address=_address(request))
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_NO_STORE)


async def _issue(form: dict[str, str], client: Client | None, address: str, login: Login) -> Token:
    asked = form.get("scope", "").split()
    # The thesis' own client leaves the grant type out.
    grant = form.get("grant_type", PASSWORD)
    if grant == CLIENT_CREDENTIALS:
        if client is None:
            raise WrongClientError
        return login.with_secret(client, asked=asked)
    if grant != PASSWORD:
        raise UnsupportedGrantError(f"The grant types are {', '.join(login.grants)}")
    username, password = _fields(form, "username", "password")
    return await login.with_password(username, password, address=address, client=client, asked=asked)


def _fields(form: dict[str, str], *names: str) -> list[str]:
    try:
        return [form[name] for name in names]
    except KeyError as error:
        raise _BadFormError(f"The field {error} is missing") from None


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        return str(ip_address(host))
    except ValueError:
        # A proxy passed on what it was told: whoever makes addresses up is counted as one.
        return "unknown"


async def _client(request: Request, form: dict[str, str], login: Login) -> Client | None:
    """The client that asks, by its header or by the form (RFC 6749, 2.3.1); None where none is named.

    Whoever logs in again may send the old token along, and Swagger UI an empty id.
    """
    headers = [each for each in request.headers.getlist("authorization") if _is_basic(each)]
    if headers and ("client_secret" in form or len(headers) > 1):
        raise _BadFormError("A client proves itself once")
    if headers:
        return await login.client(*_basic(headers[0]))
    if form.get("client_id") or form.get("client_secret"):
        return await login.client(form.get("client_id", ""), form.get("client_secret", ""))
    return None


def _is_basic(header: str) -> bool:
    return header.partition(" ")[0].lower() == "basic"


def _basic(header: str) -> tuple[str, str]:
    """Name and secret of an HTTP Basic header. Raises WrongClientError where they cannot be read."""
    encoded = header.partition(" ")[2]
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise WrongClientError from None
    if not colon:
        raise WrongClientError
    return unquote_plus(name), unquote_plus(secret)


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise _BadFormError(f"Send the login as {_FORM}")
    body = await read_body(request, _MAX_FORM_BYTES)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise _BadFormError("The form cannot be read: UTF-8, 16 fields at most") from None
    form = dict(fields)
    if len(form) != len(fields):
        raise _BadFormError("A field is given twice")
    return form


def _refusal(
    error: LoginError, status: HTTPStatus | None = None, retry_after_s: int | None = None
) -> JSONResponse:
    headers = dict(_NO_STORE)
    if isinstance(error, TooManyLoginsError):
        status, retry_after_s = HTTPStatus.TOO_MANY_REQUESTS, error.retry_after_s
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if status is None:
        challenge = _CHALLENGES.get(error.error)
        status = HTTPStatus.UNAUTHORIZED if challenge else HTTPStatus.BAD_REQUEST
        if challenge:
            headers["WWW-Authenticate"] = challenge
    body = OAuthErrorOut(error=error.error, error_description=str(error), detail=str(error))
    return JSONResponse(body.model_dump(), status, headers)
