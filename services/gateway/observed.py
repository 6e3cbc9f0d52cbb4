"""What is told of every call, on either edge, once it was answered: to log, metrics and trace."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from opentelemetry.trace import Span

from services.core.telemetry import calls, traces
from services.gateway.metrics import REQUEST_SECONDS, REQUESTS, bounded, count_noted, in_flight

log = logging.getLogger("wattgate.calls")

READ = frozenset((calls.REQUEST_ID, *traces.TRACE_HEADERS))
"""Headers that are looked at here."""

_QUIET = frozenset(
    {"GET /livez", "GET /readyz", "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"}
)
"""Asked every few seconds, for ever: counted, but not told to the log."""


@dataclass(slots=True)
class Begun:
    """A call that is being answered."""

    call: calls.Call
    client: str
    span: Span | None
    at_s: float


class Edge:
    """The calls of one edge."""

    def __init__(self, name: str, models: Collection[str]) -> None:
        """Tell of calls as of this edge, by the names of models that are served."""
        self._name, self._models = name, frozenset(models)
        self._refused = 0

    def begin(self, method: str, headers: Mapping[str, str], client: str) -> Begun:
        """The running task answers a call; `headers` are those of READ that it has."""
        at_s = time.perf_counter()
        call = calls.begin(headers.get(calls.REQUEST_ID))
        in_flight[self._name] += 1
        return Begun(call, client, traces.begin(method, headers), at_s)

    def end(self, begun: Begun, method: str, code: str, *, failed: bool) -> None:
        """It was answered. `method` is one of few, whatever was sent; `failed` where that was our fault."""
        in_flight[self._name] -= 1
        took_s = time.perf_counter() - begun.at_s
        # Soon: the answer is on its way first.
        asyncio.get_running_loop().call_soon(self._tell, begun, method, code, failed, took_s)

    def refused(self, method: str, model: str, code: str) -> None:
        """A call was sent away at the door: told of with others, as a flood must not fill the log."""
        REQUESTS.labels(self._name, method, bounded(model, self._models), code).inc()
        if not self._refused:
            asyncio.get_running_loop().call_later(1.0, self._tell_refused)
        self._refused += 1

    def _tell_refused(self) -> None:
        log.warning("calls refused at the door within a second: %d", self._refused)
        self._refused = 0

    def _tell(self, begun: Begun, method: str, code: str, failed: bool, took_s: float) -> None:
        count_noted()
        call = begun.call
        model = bounded(call.model, self._models)
        REQUESTS.labels(self._name, method, model, code).inc()
        REQUEST_SECONDS.labels(self._name, method, model).observe(took_s)
        told: dict[str, str | int | float] = {"edge": self._name, "method": method, "code": code}
        if call.model:
            told["model"] = call.model[:64]
        if call.version is not None:
            told["version"] = call.version
        if call.caller:
            told["caller"] = call.caller
        if call.input_sha256:
            told["input_sha256"] = call.input_sha256
        if call.fallback:
            told["fallback"] = call.fallback
        if begun.span:
            attributes = {f"wattgate.{key}": value for key, value in told.items()}
            attributes["wattgate.request_id"] = call.request_id
            traces.end(begun.span, method, attributes, failed=failed)
        if method not in _QUIET:
            told["duration_ms"] = round(took_s * 1e3, 2)
            told["client"] = begun.client
            if log.isEnabledFor(logging.INFO):
                # log.info would look for who calls it, at a cost to every call.
                log.handle(log.makeRecord(log.name, logging.INFO, "", 0, "answered", (), None, extra=told))
