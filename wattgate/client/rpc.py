"""Calls as gRPC messages, and answers out of them. Nothing here sends."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import nan
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from wattgate.client.answers import Forecast, Interval, Repair, Step, on_the_wall
from wattgate.client.histories import History, Series
from wattgate.client.https import AGENT
from wattgate.errors import (
    InvalidLoad,
    Refused,
    TimedOut,
    Unauthorized,
    Unavailable,
    Untrusted,
    Violation,
    WattgateError,
)
from wattgate.forecast.v1 import forecast_service_pb2 as pb

CHANNEL_OPTIONS = (
    ("grpc.primary_user_agent", AGENT),
    # Retries.pause_s says when to try again: a channel that waits longer by itself would fail them all.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

_DETAILS = "grpc-status-details-bin"
_HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
"""HTTP's numbers for what the gateway says over gRPC; any other is 500."""
_HTTP_BY_REASON = {"TOO_LARGE": 413, "MODEL_FAILED": 502}
"""Where gRPC has one code for several of them."""
_UNTRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED(?:: ([^\]\n;,}]*))?|Hostname Verification|Peer name")
_PLACE = re.compile(r"(?:row (\d+))?(?: \(line (\d+)\))?(?:(?:^|, )column (.+))?", re.DOTALL)


class FailedCall(Protocol):
    """What both of gRPC's errors have, that of its blocking and that of its asynchronous half."""

    def code(self) -> grpc.StatusCode:
        """Of the failure."""
        ...

    def details(self) -> str | None:
        """In words."""
        ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """With the rest."""
        ...


def forecast(model: str, history: History, options: Mapping[str, Any]) -> pb.ForecastRequest:
    """A request for a forecast. Raises InvalidLoad for an option's value that there is not."""
    request = pb.ForecastRequest(model=model)
    if isinstance(history, Series):
        request.series.start.FromDatetime(history.start)
        request.series.kw.extend(nan if value is None else value for value in history.kw)
    else:
        request.file.csv = history
        request.file.time_zone = options.get("time_zone") or ""
        request.file.column = options.get("column") or ""
        request.file.unit = _value(pb.MeterFile.Unit, "unit", options)
        request.file.labels = _value(pb.MeterFile.Labels, "labels", options)
        request.file.doubled_hour = _value(pb.MeterFile.DoubledHour, "doubled_hour", options)
    if "gaps" in options:
        request.gaps.method = _value(pb.GapPolicy.Method, "gaps", options, prefix="METHOD")
    if "max_gap_steps" in options:
        request.gaps.max_steps = options["max_gap_steps"]
    request.fallback = _value(pb.Fallback, "fallback", options)
    return request


def _value(enum: Any, option: str, options: Mapping[str, Any], prefix: str = "") -> Any:
    """An option's value as its enum has it: unspecified where it is not given."""
    prefix = f"{prefix or option.upper()}_"
    try:
        return enum.Value(f"{prefix}{str(options.get(option) or 'unspecified').upper()}")
    except ValueError:
        there_are = ", ".join(name.removeprefix(prefix).lower() for name in enum.keys()[1:])
        raise InvalidLoad(f"{option} is {options[option]!r}: it is one of {there_are}") from None


def forecast_of(answer: pb.ForecastResponse) -> Forecast:
    """A forecast."""
    zone = ZoneInfo(answer.time_zone)

    def time(stamp: Timestamp) -> datetime:
        return on_the_wall(stamp.ToDatetime(UTC), zone)

    return Forecast(
        model=answer.model,
        model_version=answer.model_version,
        time_zone=zone.key,
        data_from=time(answer.data_from),
        data_until=time(answer.data_until),
        steps=tuple(
            Step(
                time(step.valid_from),
                time(step.valid_to),
                step.kw,
                tuple(Interval(i.level, i.lower_kw, i.upper_kw) for i in step.intervals),
            )
            for step in answer.steps
        ),
        repaired=tuple(
            Repair(
                time(getattr(repair, "from")),  # a word of Python's own
                time(repair.until),
                repair.steps,
                pb.GapPolicy.Method.Name(repair.method).removeprefix("METHOD_").lower(),
            )
            for repair in answer.repaired
        ),
        warnings=tuple(
            Violation(w.rule, w.message, w.row or None, w.line or None, w.column or None)
            for w in answer.warnings
        ),
        fallback_reason=answer.fallback_reason or None,
    )


def failure(error: FailedCall, target: str) -> WattgateError:
    """What kept a call from its answer, in the words that HTTPS has for it."""
    code, message = error.code(), error.details() or error.code().name
    status = _status(error)
    info = _detail(status, error_details_pb2.ErrorInfo) or error_details_pb2.ErrorInfo()
    retry = _detail(status, error_details_pb2.RetryInfo)
    said: dict[str, Any] = {
        "status": _HTTP_BY_REASON.get(info.reason, _HTTP.get(code, 500)),
        "reason": info.reason or None,
        "request_id": info.metadata.get("request_id"),
    }
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthorized(message, **said)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut(message if info.reason else f"{target} did not answer in time", **said)
    if code is grpc.StatusCode.UNAVAILABLE or retry:
        if not info.reason:  # nobody answered
            return _unreached(message, target)
        return Unavailable(message, retry_after_s=retry.retry_delay.seconds if retry else None, **said)
    if said["status"] >= 500:
        return WattgateError(message, **said)
    bad = _detail(status, error_details_pb2.BadRequest) or error_details_pb2.BadRequest()
    return Refused(message, violations=tuple(map(_violation, bad.field_violations)), **said)


def _unreached(message: str, target: str) -> Unavailable:
    if untrusted := _UNTRUSTED.search(message):
        return Untrusted(
            f"The certificate of {target} is not trusted: {untrusted[1] or message}. Where an authority of "
            "your own signed it, name that one's certificate: ca_file"
        )
    return Unavailable(f"{target} cannot be reached: {message}")


def _status(error: FailedCall) -> status_pb2.Status:
    sent = dict(error.trailing_metadata() or ()).get(_DETAILS, b"")
    return status_pb2.Status.FromString(sent if isinstance(sent, bytes) else b"")


D = TypeVar("D", error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.BadRequest)


def _detail(status: status_pb2.Status, kind: type[D]) -> D | None:
    """The detail of that kind; None where there is none."""
    found = kind()
    return found if any(detail.Unpack(found) for detail in status.details) else None


def _violation(said: Any) -> Violation:
    place = _PLACE.fullmatch(said.field)
    row, line, column = place.groups() if place else (None, None, None)
    return Violation(
        said.reason.lower(),
        said.description.removeprefix(f"{said.field}: "),
        int(row) if row else None,
        int(line) if line else None,
        column,
    )
