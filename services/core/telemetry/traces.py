"""Spans for OpenTelemetry, where the environment names a collector; where not, nothing is made."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.core.telemetry import calls

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger(__name__)

TRACE_HEADERS = ("traceparent", "tracestate")
"""HTTP headers and gRPC metadata that carry a trace on (W3C Trace Context)."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_CLOSE_S = 2.0
"""Longest the end of the process waits for a collector."""

_NOTHING: AbstractContextManager[None] = nullcontext()
_propagator = TraceContextTextMapPropagator()
_tracer: Tracer | None = None
_provider: "TracerProvider | None" = None


def set_up(service: str) -> None:
    """Send spans as OTLP over gRPC, as the environment says (OTEL_EXPORTER_OTLP_ENDPOINT and its kin).

    `service` is what they say they are of, unless OTEL_SERVICE_NAME says otherwise.
    """
    global _tracer, _provider  # noqa: PLW0603 - one a process, as its environment is
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    if os.environ.get(_PROTOCOL, "grpc") != "grpc":
        log.warning("Spans are sent over gRPC, whatever %s says", _PROTOCOL)
    # Imported here: who does not trace should not pay for it.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME") or service
    _provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}), shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("wattgate")


def are_on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def close() -> None:
    """Send what is left, unless that takes long."""
    if _provider:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_CLOSE_S)


def begin(name: str, headers: Mapping[str, str]) -> Span | None:
    """A span of the call that the running task answers, part of its caller's trace; None where spans are off.

    Whoever begins it calls `end`. It is the parent of the task's other spans, to the task's end.
    """
    if _tracer is None:
        return None
    parent = _propagator.extract(headers, Context())
    span = _tracer.start_span(name, parent, SpanKind.SERVER)
    contexts.attach(trace.set_span_in_context(span, parent))
    return span


def end(span: Span, name: str, attributes: Mapping[str, str | int | float], *, failed: bool) -> None:
    """The call was answered; `failed` where that was the fault of who answered."""
    span.update_name(name)
    span.set_attributes(attributes)
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end()


def step(name: str) -> AbstractContextManager[None]:
    """A span around a part of the current call's work."""
    if _tracer is None or calls.current() is None:
        return _NOTHING
    return _child(_tracer, name, SpanKind.INTERNAL, {})


def hop(method: str, target: str, *, system: str = "grpc") -> AbstractContextManager[None]:
    """A span around a call to another service for the current call."""
    if _tracer is None or calls.current() is None:
        return _NOTHING
    attributes = {"rpc.system": system, "rpc.method": method, "server.address": target}
    return _child(_tracer, method, SpanKind.CLIENT, attributes)


@contextmanager
def _child(tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, str]) -> Iterator[None]:
    """A span that tells of what was raised no more than its type: the words may quote what callers sent."""
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


def outgoing() -> tuple[tuple[str, str], ...]:
    """gRPC metadata that carries the current call on to another service: its id, and its trace if any."""
    request_id = calls.request_id()
    if request_id is None:
        return ()
    if _tracer is None:
        return ((calls.REQUEST_ID, request_id),)
    carried: dict[str, str] = {}
    _propagator.inject(carried)
    return ((calls.REQUEST_ID, request_id), *carried.items())


def ids() -> tuple[tuple[str, str], ...]:
    """What log lines tell of the current span."""
    if _tracer is None:
        return ()
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return ()
    return (
        ("trace_id", trace.format_trace_id(span.trace_id)),
        ("span_id", trace.format_span_id(span.span_id)),
    )
