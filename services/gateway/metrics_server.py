"""/metrics, on a port of its own that is no caller's business."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import uvicorn
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.core.telemetry import logs
from services.gateway.metrics import REGISTRY, count_noted, in_flight
from services.gateway.settings import StartError
from services.gateway.wiring import Gateway

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_metrics(gateway: Gateway) -> AsyncGenerator[None, None]:
    """Answer the metrics of this process meanwhile, where a port is set for them.

    Of several workers each has a port of its own, as it has its own queue and breakers: the one that is set,
    the one after that, and so on. Raises StartError where the port cannot be listened on.
    """
    settings = gateway.settings
    if not settings.metrics_port:
        yield
        return
    address = (settings.metrics_address, settings.metrics_port + (settings.worker or 0))
    try:
        listening = socket.create_server(address)
    except OSError as error:
        raise StartError(f"metrics cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error
    server = _Server(
        uvicorn.Config(
            _app(_All(gateway)),
            lifespan="off",
            ws="none",
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve([listening]))
    log.info("Metrics on port %d, address %s", address[1], address[0])
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def _app(metrics: Collector) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.url.path != "/metrics" or request.method != "GET":
            await PlainTextResponse("Only GET /metrics\n", HTTPStatus.NOT_FOUND)(scope, receive, send)
            return
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        # Some milliseconds of work, which calls need not wait for.
        text = await asyncio.to_thread(encode, metrics)
        await Response(text, media_type=content_type)(scope, receive, send)

    return answer


class _All(Collector):
    """All that is counted; and what need not be, as it can be looked up."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._process = ProcessCollector(registry=None)

    def collect(self) -> Iterator[Metric]:
        """Everything as it is now."""
        count_noted()
        yield from REGISTRY.collect()
        yield from self._process.collect()
        yield from self._now()

    def _now(self) -> Iterator[Metric]:
        admission = self._gateway.admission
        calls = GaugeMetricFamily(
            "wattgate_requests_in_flight", "Calls that are being answered, streams too.", labels=("edge",)
        )
        for edge, count in in_flight.items():
            calls.add_metric((edge,), count)
        yield calls
        yield GaugeMetricFamily(
            "wattgate_forecasts_at_work", "Forecasts and batches that have a place.", value=admission.at_work
        )
        yield GaugeMetricFamily(
            "wattgate_forecasts_queued", "Forecasts that wait for a place.", value=admission.waiting
        )
        is_open = GaugeMetricFamily(
            "wattgate_breaker_open", "1 where calls are kept from the target.", labels=("target",)
        )
        for target in self._gateway.engine.targets:
            is_open.add_metric((target.address,), target.breaker.is_open)
        yield is_open
        ready = GaugeMetricFamily(
            "wattgate_model_available", "1 where the model answers its known request.", labels=("model",)
        )
        for state in self._gateway.models.states():
            ready.add_metric((state.name,), state.problem is None)
        yield ready
        on_trial = GaugeMetricFamily(
            "wattgate_canary_on_trial",
            "1 while a canary is tried, 0 once it was given up.",
            labels=("model",),
        )
        for state in self._gateway.models.states():
            if state.canary is not None:
                on_trial.add_metric((state.name,), state.canary.trial.problem is None)
        yield on_trial
        yield CounterMetricFamily(
            "wattgate_log_lines_dropped", "Log lines that nobody will see.", value=logs.dropped()
        )
