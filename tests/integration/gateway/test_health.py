"""grpc.health.v1 on the gRPC edge says what /readyz says, of the whole and of each model."""

import asyncio
from contextlib import suppress

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from services.gateway.rpc.health import SERVICES
from tests.integration.gateway.in_process import NAMES, edges, until

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
ENOUGH_S = 10


async def check(edge, service=""):
    """Without a token."""
    return (await HealthStub(edge.rpc).Check(HealthCheckRequest(service=service), timeout=ENOUGH_S)).status


async def ready(edge):
    return (await edge.https.get("/readyz")).status_code


class Watcher:
    """Reads what a Watch says as it comes."""

    def __init__(self, edge, service):
        self.said = []
        self._call = HealthStub(edge.rpc).Watch(HealthCheckRequest(service=service))
        self._task = asyncio.create_task(self._read())

    async def _read(self):
        async for answer in self._call:
            self.said.append(answer.status)

    async def says(self, *statuses):
        async with asyncio.timeout(ENOUGH_S):
            await until(lambda: self.said == list(statuses))

    async def end(self):
        """Wait for the gateway to end it."""
        async with asyncio.timeout(ENOUGH_S):
            await self._task

    async def leave(self):
        self._call.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_it_tells_of_each_model_and_of_the_whole_and_of_changes_at_once(home, model_server):
    model_server.wrong.update(NAMES)
    async with edges(home, model_server.address, model_poll_s=0.1) as edge:
        watchers = {name: Watcher(edge, name) for name in ("", "gru", "cnn")}
        for watcher in watchers.values():
            await watcher.says(NOT_SERVING)
        model_server.wrong.remove("gru")
        await watchers["gru"].says(NOT_SERVING, SERVING)
        assert {name: await check(edge, name) for name in ("", *NAMES)} == {
            "": NOT_SERVING, "cnn": NOT_SERVING, "gru": SERVING
        }  # fmt: skip
        assert await ready(edge) == 503
        model_server.wrong.clear()
        for name in ("", "cnn"):
            await watchers[name].says(NOT_SERVING, SERVING)
        for service in (*SERVICES, *NAMES):
            assert await check(edge, service) == SERVING
        assert await ready(edge) == 200
        model_server.wrong.add("cnn")
        await watchers[""].says(NOT_SERVING, SERVING, NOT_SERVING)
        assert await ready(edge) == 503
        assert watchers["gru"].said == [NOT_SERVING, SERVING]
        for watcher in watchers.values():
            await watcher.leave()


async def test_a_gateway_that_stops_says_so_before_its_port_closes_and_keeps_no_watcher(home, model_server):
    async with edges(home, model_server.address, shutdown_delay_s=0.3) as edge:
        await edge.until_ready()
        watchers = [Watcher(edge, service) for service in ("", "", "gru", "nobody")]
        unknown = HealthCheckResponse.SERVICE_UNKNOWN
        for watcher, first in zip(watchers, (SERVING, SERVING, SERVING, unknown), strict=True):
            await watcher.says(first)
        edge.gateway.stopping.set()
        for watcher in watchers[:3]:
            await watcher.says(SERVING, NOT_SERVING)
        assert {await check(edge, service) for service in (*SERVICES, *NAMES)} == {NOT_SERVING}
        assert await ready(edge) == 503
        for watcher in watchers:
            await watcher.end()


async def test_one_who_stops_watching_takes_nobody_along(edge):
    first, second = Watcher(edge, ""), Watcher(edge, "")
    await second.says(SERVING)
    await first.leave()
    edge.gateway.stopping.set()
    await second.says(SERVING, NOT_SERVING)
    await second.leave()


async def test_what_is_not_there_is_not_found(edge):
    for service in ("lstm", "tensorflow.serving.SessionService", "x" * 10_000):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(edge, service)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watcher = Watcher(edge, service)
        await watcher.says(HealthCheckResponse.SERVICE_UNKNOWN)
        await watcher.leave()
