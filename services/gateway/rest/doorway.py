"""What stands before the application: who comes to a full house, and who leaves before the answer."""

import asyncio
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.core.errors import StoppingError, as_problem
from services.core.telemetry.calls import REQUEST_ID, chosen
from services.gateway.admission import Admission, full
from services.gateway.observed import Edge
from services.gateway.rest.headers import AS_TEXT
from services.gateway.rest.problems import MEDIA_TYPE

_FORECAST = re.compile(
    rb"(?:/predict(?:/([^/?]*))?|/v1/models/([^/?]*):forecast|/v1/models/([^/?]*):backtest"
    rb"|/v1/timeseries/forecast())(?:\?.*)?",
    re.DOTALL,
)
"""Backtests and time series are many forecasts; the latter name their model in the body alone."""
_TEMPLATES = {
    None: "POST /predict",
    1: "POST /predict/{model}",
    2: "POST /v1/models/{model}:forecast",
    3: "POST /v1/models/{model}:backtest",
    4: "POST /v1/timeseries/forecast",
}

TASK, IS_GONE = "wattgate.task", "wattgate.is_gone"
"""Keys of a request's scope: the task that answers it, and whether its caller went away."""


class Door:
    """Sends forecasts away that nobody can compute now, by their heads alone.

    A refusal has to cost next to nothing, or a flood takes the time of those who were let in: token and
    upload are not looked at, and the application never hears of it.
    """

    def __init__(self, admission: Admission, edge: Edge) -> None:
        """Ask `admission`, tell `edge`."""
        self._admission, self._edge = admission, edge

    def refusal(self, method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """The whole answer to a request that is sent away; None for one that may come in."""
        if not self._admission.is_full or method != b"POST":
            return None
        forecast = _FORECAST.fullmatch(unquote_to_bytes(url))
        if forecast is None:
            return None
        error = full()
        status = HTTPStatus(error.http)
        given = next((value for name, value in headers if name == REQUEST_ID.encode()), b"")
        request_id = chosen(given.decode("latin-1"))
        body = json.dumps({**as_problem(error), "request_id": request_id})
        model = (forecast[forecast.lastindex] if forecast.lastindex else b"").decode("latin-1")
        self._edge.refused(_TEMPLATES[forecast.lastindex], model, str(status.value))
        return (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"retry-after: {error.retry_after_s}\r\n{REQUEST_ID}: {request_id}\r\n{AS_TEXT}"
            f"content-length: {len(body)}\r\n\r\n{body}"
        ).encode()


def doorway(app: ASGIApp, admission: Admission) -> ASGIApp:
    """The application, with forecasts counted as inside and ended once nobody waits for them any more.

    While an upload is on its way its sender takes no room.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _FORECAST.fullmatch(scope["path"].encode()):
            await app(scope, receive, send)
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
                stopping = StoppingError("The gateway stops before the answer is ready; try again")
                headers = {"Retry-After": str(stopping.retry_after_s)}
                await JSONResponse(as_problem(stopping), stopping.http, headers, media_type=MEDIA_TYPE)(
                    scope, receive, send
                )
        finally:
            admission.leave()

    return answer


def leave(scope: Scope) -> None:
    """The caller of a request went away: cancel what is done for it."""
    task: asyncio.Task[None] | None = scope.pop(TASK, None)
    if task:
        scope[IS_GONE] = True
        task.cancel()
