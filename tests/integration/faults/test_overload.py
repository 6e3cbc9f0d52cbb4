"""Three times what the gateway can do: as many answers as ever, the rest sent away at once."""

import asyncio
import json
import re
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
import pytest

from services.local.ports import free_ports
from tests.integration.faults.callers import EDGES, RPC, Callers, Outcome
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import offer, recovered, without_pause
from tests.integration.faults.model_servers import EmbeddedModelServer
from tests.integration.faults.report import LONG, add_row, percentile_ms
from tests.integration.faults.waiting import until

IN_FLIGHT, QUEUED, QUEUE_S = 8, 8, 1.0
DELAY_S = 0.4
"""Of each answer, so that capacity is set by the places at work and not by this machine."""
PEAK_S, OVERLOAD_S = (5, 30) if LONG else (3, 6)


@pytest.fixture(scope="module")
def small(home, all_servers):
    """A gateway that answers twenty forecasts a second."""
    settings = {"max_in_flight": IN_FLIGHT, "max_queued": QUEUED, "max_queue_s": QUEUE_S}
    with Gateway(home, [all_servers[0].address], **settings) as gateway:
        yield gateway


@dataclass
class Probes:
    """What else the gateway is asked for under load."""

    ready_s: list[float] = field(default_factory=list)
    login_s: list[float] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def look(self, gateway: Gateway) -> None:
        began = time.monotonic()
        for path in ("/readyz", "/livez"):
            answer = gateway.get(path)
            if answer.status_code != 200:
                self.bad.append(f"{path} {answer.status_code} {answer.text}")
        self.ready_s.append((time.monotonic() - began) / 2)

    def log_in(self, gateway: Gateway) -> None:
        began = time.monotonic()
        gateway.login()
        self.login_s.append(time.monotonic() - began)


def per_s(outcomes: list[Outcome]) -> float:
    """Answers a second, from the first call sent to the last answer."""
    answered = [outcome for outcome in outcomes if outcome.result == "answered"]
    end = max(outcome.began_s + outcome.took_s for outcome in answered)
    return len(answered) / (end - min(outcome.began_s for outcome in outcomes))


async def peak_and_overload(callers, gateway, seconds, *, edges=EDGES):
    """Outcomes at the peak of what it can do, and at three times that, with probes beside."""
    peak = await without_pause(callers, IN_FLIGHT + QUEUED // 2, seconds=PEAK_S, edges=edges)
    probes = Probes()
    load = asyncio.create_task(offer(callers, per_s=3 * per_s(peak), seconds=seconds, edges=edges))
    while not load.done():
        await asyncio.to_thread(probes.look, gateway)
        if len(probes.ready_s) % 10 == 1:
            await asyncio.to_thread(probes.log_in, gateway)
        await asyncio.sleep(0.05)
    return peak, await load, probes


def figures(peak, outcomes, probes):
    answered = [outcome for outcome in outcomes if outcome.result == "answered"]
    refused = [outcome for outcome in outcomes if outcome.result == "refused cleanly"]
    return {
        "peak_per_s": round(per_s(peak), 1),
        "offered_per_s": round(3 * per_s(peak), 1),
        "answered_per_s": round(per_s(outcomes), 1),
        "answered_p99_ms": percentile_ms(answered, 99),
        "refused_p50_ms": percentile_ms(refused, 50),
        "refused_p99_ms": percentile_ms(refused, 99),
        "ready_max_ms": round(max(probes.ready_s) * 1e3, 1),
        "login_max_ms": round(max(probes.login_s) * 1e3, 1),
    }


async def test_goodput_stays_and_the_rest_is_refused_at_once(small, server):
    server.behave(delay_s=DELAY_S)
    async with Callers(small) as callers:
        peak, outcomes, probes = await peak_and_overload(callers, small, OVERLOAD_S)
        record = server.record()
        found = figures(peak, outcomes, probes)
        server.behave()
        began = time.monotonic()
        recovered_s = await recovered(callers) - began
    add_row("three times the capacity", outcomes, recovered_s=recovered_s, **found)
    assert {outcome.result for outcome in outcomes} == {"answered", "refused cleanly"}
    refused = [outcome for outcome in outcomes if outcome.result == "refused cleanly"]
    assert {outcome.code for outcome in refused} == {"429", "RESOURCE_EXHAUSTED"}
    assert {outcome.reason for outcome in refused} == {"OVERLOADED"}
    assert all(outcome.retry_after_s > 0 for outcome in refused)
    assert record.peak <= IN_FLIGHT
    assert found["answered_per_s"] >= 0.9 * found["peak_per_s"]
    assert found["refused_p99_ms" if LONG else "refused_p50_ms"] < 20
    assert probes.bad == []
    assert sorted(probes.ready_s)[len(probes.ready_s) // 2] < 0.1
    assert max(probes.login_s) < 2
    for edge in EDGES:
        assert any(outcome.edge == edge for outcome in refused)


async def test_a_forecast_waits_no_longer_than_it_may(home, server):
    settings = {"max_in_flight": 1, "max_queued": 10, "max_queue_s": 0.3}
    with Gateway(home, [server.address], **settings) as gateway:
        async with Callers(gateway) as callers:
            server.behave(delay_s=1.5)
            first = asyncio.create_task(callers.call("HTTPS"))
            await until(lambda: server.record().windows != [])
            waited = await asyncio.gather(*(callers.call(edge) for edge in EDGES * 2))
            assert (await first).result == "answered"
    assert {outcome.reason for outcome in waited} == {"OVERLOADED"}
    assert all(0.25 <= outcome.took_s < 1.2 for outcome in waited)


@pytest.mark.skipif(not LONG, reason="its figures are the machine's; make faults reports them")
@pytest.mark.parametrize("edge", EDGES)
async def test_three_times_what_the_gateways_own_processor_can_do(home, server, edge):
    with Gateway(home, [server.address]) as gateway:
        async with Callers(gateway) as callers:
            peak, outcomes, probes = await peak_and_overload(callers, gateway, OVERLOAD_S / 3, edges=[edge])
    add_row(
        f"three times what the gateway's processor can do, {edge}",
        outcomes,
        **figures(peak, outcomes, probes),
    )
    assert any(outcome.result == "answered" for outcome in outcomes)


@pytest.mark.skipif(not LONG, reason="its figures are the machine's; make faults reports them")
async def test_the_embedded_model_server_under_three_times_the_capacity(home, tmp_path):
    model_server = EmbeddedModelServer(tmp_path, free_ports().model_server)
    model_server.start()
    try:
        with Gateway(home, [model_server.address], **model_server.GATEWAY) as gateway:
            async with Callers(gateway) as callers:
                peak, outcomes, probes = await peak_and_overload(callers, gateway, OVERLOAD_S)
    finally:
        model_server.kill()
    add_row("three times the capacity, embedded model server", outcomes, **figures(peak, outcomes, probes))
    assert any(outcome.result == "answered" for outcome in outcomes)


async def test_who_is_sent_away_at_the_door_is_told_why_and_keeps_the_connection(home, server):
    metrics_port = free_ports().https
    settings = {"max_in_flight": 1, "max_queued": 0, "metrics_port": metrics_port}
    with Gateway(home, [server.address], **settings) as gateway:
        async with Callers(gateway) as callers:
            server.behave(delay_s=1.5)
            first = asyncio.create_task(callers.call("HTTPS"))
            await until(lambda: server.record().windows != [])
            trust = ssl.create_default_context(cafile=gateway.ca_file)
            reader, writer = await asyncio.open_connection("localhost", gateway.https_port, ssl=trust)
            # Neither a token nor the upload is waited for.
            writer.write(b"POST /predict/gru?tz=UTC HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n"
                         b"x-request-id: at-the-door\r\n\r\n")  # fmt: skip
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            problem = json.loads(await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1])))
            writer.write(b"x" * 100_000 + b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            alive = await reader.readuntil(b"\r\n\r\n")
            assert (await first).result == "answered"
            writer.close()
        counted = (await asyncio.to_thread(httpx.get, f"http://localhost:{metrics_port}/metrics")).text
    assert head.startswith("http/1.1 429 too many requests\r\n")
    assert "\r\nretry-after: 1\r\n" in head
    assert "\r\nx-request-id: at-the-door\r\n" in head
    assert "\r\ncontent-type: application/problem+json\r\n" in head
    assert (problem["status"], problem["reason"]) == (429, "OVERLOADED")
    assert problem["request_id"] == "at-the-door"
    assert alive.startswith(b"HTTP/1.1 200")
    labels = 'code="429",edge="https",method="POST /predict/{model}",model="gru"'
    assert f"wattgate_requests_total{{{labels}}} 1.0" in counted
    assert "refused at the door within a second: 1" in gateway.log()


async def test_one_connection_that_is_full_has_its_calls_wait_and_none_reset(small):
    """Three times as many callers as a connection takes calls, each calling again at once."""
    async with Callers(small) as callers:
        outcomes = await without_pause(callers, 300, seconds=3, edges=[RPC])
    results = Counter((outcome.result, outcome.detail) for outcome in outcomes)
    assert results.pop(("answered", "")) > 0
    assert {result for result, _ in results} <= {"refused cleanly"}, results
