"""Errors as HTTPS says them: RFC 9457 problem documents."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from pipelines.errors import InvalidSeriesError, Violation
from services.core.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotAcceptableError,
    ServiceError,
    UnauthenticatedError,
    as_problem,
    reported,
)
from services.core.telemetry.calls import request_id
from services.gateway.policy import methods_of
from services.gateway.rest.accept import VARIES

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499
"""As nginx and google.rpc.Code name it; nobody is there to read it."""


def answer_problems(app: FastAPI) -> None:
    """Make every error of an app leave as a problem document."""
    app.add_exception_handler(ServiceError, _problem)
    app.add_exception_handler(InvalidSeriesError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(HTTPException, _framework_problem)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)
    app.add_exception_handler(Exception, _bug)


async def _problem(_request: Request, error: Exception) -> Response:
    return problem(error)


def problem(error: Exception, /, **more: object) -> Response:
    """The problem document of an error, with `more` members."""
    shown = reported(error)
    headers = {}
    if shown.retry_after_s is not None:
        headers["Retry-After"] = str(shown.retry_after_s)
    if isinstance(shown, UnauthenticatedError):
        headers["WWW-Authenticate"] = (
            'Bearer realm="wattgate", error="invalid_token"'
            if shown.token_given
            else 'Bearer realm="wattgate"'
        )
    if isinstance(shown, ForbiddenError) and shown.scope:
        headers["WWW-Authenticate"] = (
            f'Bearer realm="wattgate", error="insufficient_scope", scope="{shown.scope}"'
        )
    if isinstance(shown, NotAcceptableError):
        headers.update(VARIES)
    return JSONResponse({**as_problem(error), **more}, shown.http, headers, media_type=MEDIA_TYPE)


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    violations = tuple(
        Violation("field", fault["msg"], column=".".join(map(str, fault["loc"]))[:64])
        for fault in error.errors()[:20]
    )
    return await _problem(request, InvalidRequestError(str(violations[0]), violations))


async def _framework_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    status = HTTPStatus(error.status_code)
    problem = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.detail,
        "reason": status.name,
    }
    if id_ := request_id():
        problem["request_id"] = id_
    headers = error.headers
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names those of one route, where a path may have several.
        headers = {"Allow": ", ".join(methods_of(request.url.path))}
    return JSONResponse(problem, status.value, headers, media_type=MEDIA_TYPE)


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _bug(request: Request, error: Exception) -> Response:
    log.error("bug in %s %r", request.method, request.url.path, exc_info=error)
    return await _problem(request, error)
