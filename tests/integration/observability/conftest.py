"""A pair that is looked at from all sides: logs of JSON, metrics, and a collector for its traces."""

import json
import os
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from prometheus_client.parser import text_string_to_metric_families

from services.local.home import Home
from services.local.pair import HOST, running_pair
from services.local.ports import free_ports
from tests.data import MODELS
from tests.integration.conftest import Client, connect

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
ENOUGH_S = 60.0


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace_id: str
    id: str
    parent_id: str
    attributes: dict[str, str]
    everything: str
    """As text, events and status too."""


class Collector(grpc.GenericRpcHandler):
    """Takes spans as any OpenTelemetry collector does: OTLP over gRPC."""

    def __init__(self):
        self.spans: list[Span] = []

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self._take) if details.method == EXPORT else None

    def _take(self, raw, _context):
        for resource in trace_service_pb2.ExportTraceServiceRequest.FromString(raw).resource_spans:
            service = _plain(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [
                    Span(
                        service,
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        _plain(span.attributes),
                        str(span),
                    )
                    for span in scope.spans
                ]
        return trace_service_pb2.ExportTraceServiceResponse().SerializeToString()


def _plain(attributes):
    return {
        each.key: str(getattr(each.value, each.value.WhichOneof("value") or "string_value"))
        for each in attributes
    }


@contextmanager
def collecting():
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[collector])
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    try:
        yield collector, f"http://{HOST}:{port}"
    finally:
        server.stop(None)


@dataclass(frozen=True)
class Watched:
    """A running pair, and what operators see of it."""

    client: Client
    collector: Collector
    metrics_url: str

    def lines(self, service):
        """The lines of a service's log."""
        return (self.client.folder / f"{service}.log").read_text().splitlines()

    def events(self, request_id, service="gateway", *, least=1):
        """What the gateway's log tells of a call; every line of that log is JSON."""

        def told():
            lines = [json.loads(line) for line in self.lines(service) if line.startswith("{")]
            return [line for line in lines if line.get("request_id") == request_id]

        return until(told, lambda found: len(found) >= least)

    def metrics(self):
        """Every sample: its value by name and labels."""
        return samples(self.metrics_url)

    def trace(self, trace_id, *, least):
        """The spans of a trace, once there are so many."""

        def sent():
            return [span for span in self.collector.spans if span.trace_id == trace_id]

        return until(sent, lambda found: len(found) >= least)


def samples(url):
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@contextmanager
def gateway_alone(folder, *, stderr=subprocess.DEVNULL, **settings):
    """A gateway without a model server, and a client of it."""
    home = Home(folder)
    home.set_up()
    ports = free_ports()
    settings = {
        "BIND_ADDRESS": HOST,
        "HTTPS_PORT": ports.https,
        "GRPC_PORT": ports.grpc,
        "TLS_CERTIFICATE": home.certificate,
        "TLS_KEY": home.key,
        "TOKEN_KEY": home.token_key,
        "PASSWORD_PEPPER": home.pepper,
        "DATABASE_URL": home.database_url,
        "MODEL_SERVER": f"{HOST}:{ports.model_server}",
        **settings,
    }
    environment = {f"GATEWAY_{name}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.gateway"], stderr=stderr, env={**os.environ, **environment}
    )
    trust = ssl.create_default_context(cafile=home.ca_file)
    with process, httpx.Client(base_url=f"https://{HOST}:{ports.https}", verify=trust, timeout=20) as client:

        def answers():
            assert process.poll() is None, "the gateway has ended; what it said is on stderr"
            with suppress(httpx.TransportError):
                return client.get("/livez").is_success

        try:
            until(answers, bool)
            yield process, client
        finally:
            process.terminate()


def until(look, enough):
    deadline = time.monotonic() + ENOUGH_S
    while not enough(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.fixture(scope="package")
def watched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    ports = free_ports(rest=True)
    metrics_port = free_ports().https
    with collecting() as (collector, endpoint), ExitStack() as stack:
        # For this pair alone: other gateways are started while it runs, and would want the same port.
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {
                "GATEWAY_METRICS_PORT": str(metrics_port),
                "GATEWAY_LOG_FORMAT": "json",
                "MODEL_SERVER_LOG_FORMAT": "json",
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            }.items():
                environment.setenv(name, value)
            pair = stack.enter_context(running_pair(folder, ports, MODELS))
        client = connect(folder, pair)
        with client.https, client.channel:
            yield Watched(client, collector, f"http://{HOST}:{metrics_port}")


@pytest.fixture(scope="package")
def token(watched):
    return watched.client.login()


@pytest.fixture(scope="package")
def headers(token):
    return {"Authorization": f"Bearer {token}"}
