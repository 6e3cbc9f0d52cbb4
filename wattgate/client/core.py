"""What both clients do, over whatever wire: log in, call, renew the token, try again.

Written once, as coroutines. `AsyncClient` awaits them; `Client` runs them on a wire whose coroutines block
and never wait, so that the first step is the last (`finished`).
"""

import math
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpx

from wattgate.client import https, rpc
from wattgate.client.answers import Forecast, ModelList, Token
from wattgate.client.histories import History
from wattgate.client.options import FileOptions, LoadOptions, given
from wattgate.client.retries import Deadline, Retries
from wattgate.errors import Unauthorized, Unavailable
from wattgate.forecast.v1 import forecast_service_pb2 as pb

if TYPE_CHECKING:
    from wattgate.client.frames import Frame

T = TypeVar("T")

_TOKEN = re.compile(r"[\x21-\x7e]+")

_BEFORE_ITS_END = 0.1
_AT_MOST_S = 30.0
"""A token is renewed when a tenth of its life is left, or so many seconds."""


class Wire(Protocol):
    """What sends. Every failure is a WattgateError."""

    @property
    def has_grpc(self) -> bool:
        """Whether forecasts go over gRPC."""
        ...

    async def https(self, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        """The response to a request."""
        ...

    async def grpc(self, request: pb.ForecastRequest, token: str, deadline: Deadline) -> pb.ForecastResponse:
        """The answer to a message."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Nothing, so long."""
        ...

    def alone(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """A block that one caller at a time is in."""
        ...


def finished(steps: Coroutine[Any, Any, T]) -> T:
    """What a coroutine on a blocking wire answers."""
    try:
        steps.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    steps.close()
    raise RuntimeError("a blocking wire has waited")


@dataclass(frozen=True)
class Credentials:
    """By which a token is got."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class _Held:
    """The token in use."""

    access_token: str = field(repr=False)
    renew_at_s: float
    """On the monotonic clock."""


class Core:
    """A client without a wire of its own."""

    def __init__(
        self, server: str, wire: Wire, token: str | None, credentials: Credentials | None, timeout_s: float
    ) -> None:
        """Nothing is sent yet. Raises ValueError for an address that is none, or not HTTPS."""
        try:
            url = httpx.URL(server)
        except httpx.InvalidURL as error:
            raise ValueError(f"server is {server!r}: {error}") from error
        if url.scheme != "https" or not url.host:
            raise ValueError(f"server is {server!r}: it begins with https://, e.g. https://localhost:8443")
        if token is not None and not _TOKEN.fullmatch(token):
            raise ValueError("token has characters that no token has")
        self._server, self._host = server.rstrip("/"), url.netloc.decode()
        self._wire, self._credentials, self._timeout_s = wire, credentials, timeout_s
        self._held = _Held(token, math.inf) if token else None
        self._logins = 0
        self._refusal: Unauthorized | None = None
        """Of the last login."""
        self._retries = Retries()
        self._listed: ModelList | None = None

    async def login(self) -> Token:
        """Get a token, and use it from now on. Raises Unauthorized."""
        deadline = Deadline.after(self._timeout_s)
        async with self._wire.alone(deadline):
            return await self._log_in(deadline)

    async def models(self) -> ModelList:
        """What is served."""
        self._listed = None
        return await self._models(Deadline.after(self._timeout_s))

    async def forecast(self, history: History, model: str | None, options: Mapping[str, object]) -> Forecast:
        """Forecast what follows a history."""
        said = given(options, FileOptions)
        return await self._forecast(history, model, said, Deadline.after(self._timeout_s))

    async def forecast_frame(
        self, load: "Frame", model: str | None, options: Mapping[str, object]
    ) -> Forecast:
        """Forecast what follows a frame, once it is known to be one of the model's steps."""
        from wattgate.client import frames

        said, deadline = given(options, LoadOptions), Deadline.after(self._timeout_s)
        served = await self._models(deadline)
        model = model or served.default_model
        known = served.named(model)
        series = frames.series_of(
            load,
            step_s=(known and known.resolution_s) or frames.USUAL_STEP_S,
            column=said.pop("column", None),
            time_zone=said.pop("time_zone", None),
            may_have_gaps=said.get("gaps") == "linear" or said.get("fallback") == "seasonal_naive",
        )
        return await self._forecast(series, model, said, deadline)

    async def backtest(
        self, csv: bytes, model: str | None, stride: int, options: Mapping[str, object], timeout_s: float
    ) -> dict[str, Any]:
        """Judge a model by a whole file."""
        said, deadline = given(options, FileOptions), Deadline.after(timeout_s)
        model = model or (await self._models(deadline)).default_model
        call = https.of_history(model, "backtest", csv, {**said, "stride": stride})
        return await self._asked(call, dict, deadline)

    async def _forecast(
        self, history: History, model: str | None, options: dict[str, Any], deadline: Deadline
    ) -> Forecast:
        model = model or (await self._models(deadline)).default_model
        if not self._wire.has_grpc:
            call = https.of_history(model, "forecast", history, options)
            return await self._asked(call, https.forecast_of, deadline)
        request = rpc.forecast(model, history, options)
        return rpc.forecast_of(
            await self._authorized(partial(self._wire.grpc, request, deadline=deadline), deadline)
        )

    async def _models(self, deadline: Deadline) -> ModelList:
        """What is served, as it was first told: names, steps and the default stay while a gateway runs."""
        if self._listed is None:
            self._listed = await self._asked(https.MODELS, https.models_of, deadline)
        return self._listed

    async def _asked(self, call: https.Call, read: Callable[[dict[str, Any]], T], deadline: Deadline) -> T:
        """What is read of the answer to a call."""

        async def send(token: str) -> dict[str, Any]:
            request = call.request(self._server, token, deadline.left_s)
            return https.checked(await self._wire.https(request, deadline))

        answer = await self._authorized(send, deadline)
        try:
            return read(answer)
        except (LookupError, TypeError, ValueError) as error:
            raise https.not_ours(self._host) from error

    async def _authorized(self, send: Callable[[str], Awaitable[T]], deadline: Deadline) -> T:
        """What a call with a token answers; with another one, where the first is refused."""
        held = self._held
        if held is None or (self._credentials and time.monotonic() >= held.renew_at_s):
            held = await self._renewed(held, deadline)
        try:
            return await self._tried(partial(send, held.access_token), deadline)
        except Unauthorized:
            if self._credentials is None:
                raise
            held = await self._renewed(held, deadline)
            return await self._tried(partial(send, held.access_token), deadline)

    async def _renewed(self, held: _Held | None, deadline: Deadline) -> _Held:
        """A token that is not `held`. Callers who want one at the same time get that of one login."""
        logins = self._logins
        async with self._wire.alone(deadline):
            if self._held is not None and self._held is not held:
                return self._held
            if self._logins != logins and self._refusal:
                raise self._refusal
            await self._log_in(deadline)
            assert self._held is not None  # noqa: S101 - just logged in
            return self._held

    async def _log_in(self, deadline: Deadline) -> Token:
        if self._credentials is None:
            raise Unauthorized(f"{self._host} asks for a login: give a token, or username and password")
        username, password = self._credentials.username, self._credentials.password

        async def send() -> dict[str, Any]:
            request = https.login(self._server, username, password, deadline.left_s)
            return https.checked(await self._wire.https(request, deadline))

        try:
            answer = await self._tried(send, deadline)
            token, lifetime_s = https.token_of(answer)
        except Unauthorized as error:
            self._logins, self._refusal = self._logins + 1, error
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise https.not_ours(self._host) from error
        self._logins, self._refusal = self._logins + 1, None
        early_s = min(lifetime_s * _BEFORE_ITS_END, _AT_MOST_S)
        self._held = _Held(token.access_token, time.monotonic() + lifetime_s - early_s)
        return token

    async def _tried(self, send: Callable[[], Awaitable[T]], deadline: Deadline) -> T:
        """What a call answers, tried again where that is worth it."""
        self._retries.called()
        tries = 1
        while True:
            try:
                return await send()
            except Unavailable as error:
                pause_s = self._retries.pause_s(tries, error, deadline)
                if pause_s is None:
                    raise
            await self._wire.sleep(pause_s)
            tries += 1
