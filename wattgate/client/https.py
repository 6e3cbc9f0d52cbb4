"""Calls as HTTPS requests, and answers out of responses. Nothing here sends."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx

from wattgate import __version__
from wattgate.client.answers import Forecast, Interval, Model, ModelList, Repair, Step, Token, on_the_wall
from wattgate.client.histories import History
from wattgate.errors import (
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
    Untrusted,
    Violation,
    WattgateError,
)

AGENT = f"wattgate/{__version__}"
_AGENT = {"User-Agent": AGENT}
_LONGEST_S = 999_999.0
"""That X-Request-Timeout takes."""
_UNITS_S = {"D": 86_400, "H": 3600, "M": 60, "S": 1}


@dataclass(frozen=True)
class Call:
    """A call that needs a token."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    media_type: str | None = None

    def request(self, server: str, token: str, timeout_s: float) -> httpx.Request:
        """As it is sent to a server that has so many seconds."""
        headers = {
            "Authorization": f"Bearer {token}",
            "X-Request-Timeout": f"{min(timeout_s, _LONGEST_S):.3f}",
        }
        if self.media_type:
            headers["Content-Type"] = self.media_type
        return httpx.Request(
            self.method,
            server + self.path,
            params=self.query,
            content=self.content,
            headers={**_AGENT, **headers},
            extensions=_within(timeout_s),
        )


MODELS = Call("GET", "/v1/models")
"""The list of models."""


def of_history(model: str, verb: str, history: History, options: Mapping[str, object]) -> Call:
    """To make something of a history: forecast or backtest."""
    path = f"/v1/models/{quote(model, safe='')}:{verb}"
    given = {("tz" if name == "time_zone" else name): value for name, value in options.items()}
    query = {name: str(value) for name, value in given.items()}
    if isinstance(history, bytes):
        return Call("POST", path, query, history, "text/csv")
    series = json.dumps({"start": history.start.isoformat(), "kw": history.kw})
    return Call("POST", path, query, series.encode(), "application/json")


def login(server: str, username: str, password: str, timeout_s: float) -> httpx.Request:
    """A request for a token."""
    form = {"grant_type": "password", "username": username, "password": password}
    return httpx.Request("POST", f"{server}/token", data=form, headers=_AGENT, extensions=_within(timeout_s))


def _within(timeout_s: float) -> dict[str, Any]:
    return {"timeout": httpx.Timeout(timeout_s).as_dict()}


def checked(response: httpx.Response) -> dict[str, Any]:
    """The document of an answer. Raises a WattgateError for a problem, or what is no document."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    if not response.is_success:
        raise _error(response, document)
    if not document:
        raise not_ours(response.url.host)
    return document


def not_ours(host: str) -> WattgateError:
    """What is said of an answer that cannot be read."""
    return WattgateError(f"{host} answered, but not as a Wattgate gateway does: is the address right?")


def _error(response: httpx.Response, problem: dict[str, Any]) -> WattgateError:
    status = response.status_code
    message = str(problem.get("detail") or f"{status} {response.reason_phrase}")
    said: dict[str, Any] = {
        "status": status,
        "reason": problem.get("reason"),
        "request_id": problem.get("request_id"),
    }
    if status == httpx.codes.UNAUTHORIZED:
        return Unauthorized(message, **said)
    if status == httpx.codes.GATEWAY_TIMEOUT:
        return TimedOut(message, **said)
    # A proxy before the gateway says 502, in words of its own, where there is none behind it.
    if status in (429, 503) or (status == httpx.codes.BAD_GATEWAY and not said["reason"]):
        after = response.headers.get("Retry-After", "")
        return Unavailable(message, retry_after_s=float(after) if after.isdecimal() else None, **said)
    if response.is_server_error:
        return WattgateError(message, **said)
    return Refused(message, violations=tuple(_violations(problem.get("errors") or ())), **said)


def _violations(listed: Any) -> Iterator[Violation]:
    for each in listed:
        yield Violation(each["rule"], each["message"], each["row"], each["line"], each["column"])


def failure(error: httpx.HTTPError, host: str) -> Unavailable:
    """What kept a request from its response."""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"{host} did not answer in time")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted(
                f"The certificate of {host} is not trusted: {cause.verify_message}. Where an authority of "
                "your own signed it, name that one's certificate: ca_file"
            )
        cause = cause.__cause__ or cause.__context__
    return Unavailable(f"{host} cannot be reached: {error or type(error).__name__}")


def token_of(answer: Mapping[str, Any]) -> tuple[Token, float]:
    """A token, and the seconds that it is good for."""
    lifetime_s = float(answer["expires_in"])
    return Token(answer["access_token"], datetime.now(UTC) + timedelta(seconds=lifetime_s)), lifetime_s


def forecast_of(answer: Mapping[str, Any]) -> Forecast:
    """A forecast."""
    zone = ZoneInfo(answer["time_zone"])

    def time(text: str) -> datetime:
        return on_the_wall(datetime.fromisoformat(text), zone)

    return Forecast(
        model=answer["model"],
        model_version=answer["model_version"],
        time_zone=zone.key,
        data_from=time(answer["data_from"]),
        data_until=time(answer["data_until"]),
        steps=tuple(
            Step(
                time(step["valid_from"]),
                time(step["valid_to"]),
                step["kw"],
                tuple(Interval(i["level"], i["lower_kw"], i["upper_kw"]) for i in step["intervals"]),
            )
            for step in answer["steps"]
        ),
        repaired=tuple(
            Repair(time(repair["from"]), time(repair["until"]), repair["steps"], repair["method"])
            for repair in answer["repaired"]
        ),
        warnings=tuple(_violations(answer["warnings"])),
        fallback_reason=answer["fallback_reason"],
    )


def models_of(answer: Mapping[str, Any]) -> ModelList:
    """What is served."""
    return ModelList(tuple(map(_model, answer["models"])), answer["default_model"], answer["gateway_version"])


def _model(said: Mapping[str, Any]) -> Model:
    version = said["version"] or {}
    training = version.get("training") or {}
    until = training.get("data_until")
    return Model(
        name=said["name"],
        available=said["state"] == "available",
        reason=said["reason"],
        version=version.get("version"),
        window=version.get("window"),
        horizon=version.get("horizon"),
        resolution_s=_seconds(version["resolution"]) if version else None,
        time_zone=version.get("time_zone"),
        trained_until=datetime.fromisoformat(until) if until else None,
        mae_kw=training.get("mae_kw"),
        naive_mae_kw=training.get("naive_mae_kw", {}),
    )


def _seconds(duration: str) -> int:
    """Of an ISO 8601 duration of one unit, as gateways have them.

    >>> _seconds("PT15M"), _seconds("PT1H"), _seconds("P1D")
    (900, 3600, 86400)
    """
    return int(duration.strip("PTDHMS")) * _UNITS_S[duration[-1]]
