"""POST /token: OAuth2's password grant, as the thesis uses it."""

from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from services.core.errors import TooLargeError
from services.gateway.login import WrongCredentialsError
from services.gateway.passwords import PasswordRuleError
from services.gateway.rest.schemas import OAuthErrorOut, TokenOut
from services.gateway.rest.security import TheGateway
from services.gateway.rest.uploads import read_body

router = APIRouter(tags=["login"])

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM_BYTES = 8 * 1024
_MAX_FIELDS = 16
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_WRONG = "Incorrect username or password"


class _OAuthError(Exception):
    def __init__(self, error: str, detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(detail)
        self.error, self.status = error, status


@router.post(
    "/token",
    response_model=TokenOut,
    responses={400: {"model": OAuthErrorOut}, 401: {"model": OAuthErrorOut}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                _FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["username", "password"],
                        "properties": {
                            "grant_type": {"type": "string", "enum": ["password"], "default": "password"},
                            "username": {"type": "string"},
                            "password": {"type": "string", "format": "password"},
                        },
                    }
                }
            },
        }
    },
)
async def token(request: Request, gateway: TheGateway) -> JSONResponse:
    """Exchange a username and password for an access token."""
    try:
        username, password = _credentials(await _form(request))
        issued = await gateway.login.token(username, password)
    except WrongCredentialsError:
        return _refusal(_OAuthError("invalid_grant", _WRONG, HTTPStatus.UNAUTHORIZED))
    except PasswordRuleError as error:
        return _refusal(_OAuthError("invalid_request", f"No password is like this: {error}"))
    except _OAuthError as error:
        return _refusal(error)
    body = TokenOut(access_token=issued.access_token, expires_in=issued.expires_in_s)
    return JSONResponse(body.model_dump(), headers=_NO_STORE)


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise _OAuthError("invalid_request", f"Send the login as {_FORM}")
    try:
        body = await read_body(request, _MAX_FORM_BYTES)
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except TooLargeError as error:
        raise _OAuthError("invalid_request", str(error), HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from None
    except ValueError:
        raise _OAuthError("invalid_request", "The form cannot be read: UTF-8, 16 fields at most") from None
    form = dict(fields)
    if len(form) != len(fields):
        raise _OAuthError("invalid_request", "A field is given twice")
    return form


def _credentials(form: dict[str, str]) -> tuple[str, str]:
    # The thesis' own client leaves the grant type out.
    if form.get("grant_type", "password") != "password":
        raise _OAuthError("unsupported_grant_type", "The one grant type is password")
    try:
        return form["username"], form["password"]
    except KeyError as error:
        raise _OAuthError("invalid_request", f"The field {error} is missing") from None


def _refusal(error: _OAuthError) -> JSONResponse:
    headers = dict(_NO_STORE)
    if error.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = OAuthErrorOut(error=error.error, error_description=str(error), detail=str(error))
    return JSONResponse(body.model_dump(), error.status, headers)
