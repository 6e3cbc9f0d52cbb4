"""What stands before the application: who comes to a full house, and who leaves before the answer."""

import asyncio
import re

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.core.errors import OverloadedError, ServiceError, StoppingError, as_problem
from services.core.telemetry.calls import note
from services.gateway.admission import Admission
from services.gateway.rest.problems import MEDIA_TYPE

_FORECAST = re.compile(r"/predict(?:/([^/]*))?|/v1/models/([^/]*):forecast")

TASK, IS_GONE = "wattgate.task", "wattgate.is_gone"
"""Keys of a request's scope: the task that answers it, and whether its caller went away."""

TEMPLATE = "wattgate.template"
"""Key of a refused request's scope: its path without the model."""


def doorway(app: ASGIApp, admission: Admission) -> ASGIApp:
    """The application, spared forecasts that nobody can compute now or that nobody waits for any more.

    A refusal has to cost next to nothing, or a flood would take the time of those who were let in: it is
    made before the token is looked at and the upload read. While an upload is on its way its sender takes
    no room.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        forecast = _FORECAST.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if not forecast:
            await app(scope, receive, send)
            return
        try:
            admission.check()
        except OverloadedError as error:
            _tell(scope, forecast)
            await _refusal(error)(scope, receive, send)
            return

        async def receive_outside() -> Message:
            admission.leave()
            try:
                return await receive()
            finally:
                admission.enter()

        scope[TASK] = asyncio.current_task()
        admission.enter()
        try:
            await app(scope, receive_outside, send)
        except asyncio.CancelledError:
            if IS_GONE not in scope:  # the server's patience with calls in flight is over
                stopping = StoppingError("The gateway stops before the forecast is ready; try again")
                await _refusal(stopping)(scope, receive, send)
        finally:
            admission.leave()

    return answer


def leave(scope: Scope) -> None:
    """The caller of a request went away: cancel what is done for it."""
    task: asyncio.Task[None] | None = scope.pop(TASK, None)
    if task:
        scope[IS_GONE] = True
        task.cancel()


def _tell(scope: Scope, forecast: re.Match[str]) -> None:
    """What the router would have found out."""
    if forecast.lastindex:
        begin, end = forecast.span(forecast.lastindex)
        scope[TEMPLATE] = f"{scope['path'][:begin]}{{model}}{scope['path'][end:]}"
        note(forecast[forecast.lastindex])
    else:
        scope[TEMPLATE] = scope["path"]


def _refusal(error: ServiceError) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after_s)}
    return JSONResponse(as_problem(error), error.http, headers, media_type=MEDIA_TYPE)
