"""What the gateway counts and times, under Prometheus' names.

Labels are bounded, whatever callers send: routes are templates, models those served, targets those
configured; everything else is "other".

Callers do not wait for any of it: what happens is noted, and counted once a call was answered.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from pipelines.preprocessing.window import Window

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()

OTHER = "other"

_BOUNDS_S = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter(
    "wattgate_requests",
    "Calls answered. `code` is the HTTP status, or the name of the gRPC status.",
    ("edge", "method", "model", "code"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "wattgate_request_seconds",
    "From a call's headers to its answer.",
    ("edge", "method", "model"),
    buckets=_BOUNDS_S,
    registry=REGISTRY,
)
in_flight = {"grpc": 0, "https": 0}
"""Calls of each edge that are being answered, streams too."""
ADMISSION_SECONDS = Histogram(
    "wattgate_admission_wait_seconds",
    "Wait of a forecast, or of a stream's batch, for a place at work.",
    buckets=_BOUNDS_S,
    registry=REGISTRY,
)
PREPROCESSING_SECONDS = Histogram(
    "wattgate_preprocessing_seconds",
    "`read`: from a history as it came to its last window. `features`: from windows to the model's input.",
    ("stage",),
    buckets=(0.0001, 0.00025, 0.0005, *_BOUNDS_S),
    registry=REGISTRY,
)
READ_SECONDS = PREPROCESSING_SECONDS.labels("read")
FEATURES_SECONDS = PREPROCESSING_SECONDS.labels("features")
MODEL_SERVER_SECONDS = Histogram(
    "wattgate_model_server_seconds",
    "One attempt of a call to a model server, there and back; the gateway's own questions too.",
    ("target", "method"),
    buckets=_BOUNDS_S,
    registry=REGISTRY,
)
MODEL_SERVER_CALLS = Counter(
    "wattgate_model_server_calls",
    "Attempts of calls to model servers. `code` is the name of the gRPC status, or of the HTTP status.",
    ("target", "method", "code"),
    registry=REGISTRY,
)
RETRIES = Counter(
    "wattgate_model_server_retries",
    "Attempts that failed and were followed by another, by the target that failed.",
    ("target",),
    registry=REGISTRY,
)
STREAM_BATCH_SIZE = Histogram(
    "wattgate_stream_batch_size",
    "Histories of a stream that were forecast by one call to a model.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
CANARY_CALLS = Counter(
    "wattgate_canary_calls",
    "Calls of a version on trial. `outcome`: answered, or failed and answered by the stable version.",
    ("model", "outcome"),
    registry=REGISTRY,
)
CANARY_DIFFERENCE = Histogram(
    "wattgate_canary_difference",
    "Mean absolute difference of its forecast from the stable version's, in standard deviations of the load.",
    ("model",),
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
    registry=REGISTRY,
)
REPAIRED_STEPS = Counter(
    "wattgate_repaired_steps",
    "Missing steps of histories' last windows that were filled.",
    registry=REGISTRY,
)
WARNINGS = Counter(
    "wattgate_warnings",
    "Warnings of meters that may be at fault: `flat` or `range`.",
    ("rule",),
    registry=REGISTRY,
)
FALLBACKS = Counter(
    "wattgate_fallbacks",
    "Forecasts that a fallback answered instead of a model. `reason` is the rule broken: gap, flat or range.",
    ("reason",),
    registry=REGISTRY,
)


_MOST_NOTED = 1000
_noted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()


def later(count: Callable[..., object], *what: Any) -> None:
    """Have something counted by the next `count_noted`."""
    _noted.append((count, what))
    if len(_noted) > _MOST_NOTED:
        count_noted()


def count_noted() -> None:
    """Count what was noted; in any thread."""
    try:
        while True:
            count, what = _noted.popleft()
            count(*what)
    except IndexError:
        return


def bounded(model: str, served: Collection[str]) -> str:
    """A model's name as a label; empty for a call that names none."""
    return model if not model or model in served else OTHER


class timed:  # noqa: N801 - reads as a verb, as with contextlib's own
    """Observes how long what is within takes."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        """Into this one, which has its labels."""
        self._histogram = histogram

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        later(self._histogram.observe, time.perf_counter() - self._began)


def looked_at(window: Window) -> None:
    """A history was read; most have nothing to tell."""
    if window.repaired:
        later(REPAIRED_STEPS.inc, sum(repair.steps for repair in window.repaired))
    for warning in window.warnings:
        later(WARNINGS.labels(warning.rule).inc)


def fell_back(rule: str) -> None:
    """No model was asked, as a history broke this rule of our own."""
    later(FALLBACKS.labels(rule).inc)


def called(target: str, method: str, code: str, took_s: float) -> None:
    """A call to a model server ended; `method` is one the gateway makes itself, or passes on."""
    later(_called, target, method, code, took_s)


def _called(target: str, method: str, code: str, took_s: float) -> None:
    name = method.rpartition("/")[2]
    MODEL_SERVER_CALLS.labels(target, name, code).inc()
    MODEL_SERVER_SECONDS.labels(target, name).observe(took_s)
