"""The channel to the model servers: kept open, shared out among those that are well, bounded in size."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value
from grpc import StatusCode
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from services.core import tensors
from services.gateway.adapters import targets
from services.gateway.adapters.targets import MAX_ANSWER_BYTES, Target
from tests.data import REPOSITORY
from tests.integration.faults.model_server_process import Health
from tests.integration.gateway.in_process import ModelServer, edges, until
from tests.integration.rpc_errors import reason
from wattgate.tfserving.methods import GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1.get_model_status_pb2 import GetModelStatusRequest
from wattgate.tfserving.v1.model_pb2 import ModelSpec
from wattgate.tfserving.v1.predict_pb2 import PredictRequest

ENOUGH_S = 10
STATUS = GetModelStatusRequest(
    model_spec=ModelSpec(name="gru", version=Int64Value(value=1))
).SerializeToString()


class HealthyServer(ModelServer):
    """One whose health service can be told what to say."""

    def __init__(self, **options):
        super().__init__(**options)
        self.health = Health()
        add_HealthServicer_to_server(self.health, self._server)


# Keepalive, with all its times divided.

FASTER = 30
LEAST_PING_S = 1.0
"""gRPC pings no more often, whatever it is told."""
FLAGS = (REPOSITORY / "services" / "serving" / "config" / "server.flags").read_text()


def told():
    """The channel arguments of the files of the stock server, faster."""
    arguments = dict(
        argument.split("=") for argument in FLAGS.split("--grpc_channel_arguments=")[1].split()[0].split(",")
    )
    return [
        (name, int(value) // (FASTER if name.endswith("_ms") else 1)) for name, value in arguments.items()
    ]


def faster(*, eager):
    """A target's options, so that it looks after its connection faster.

    An eager one does without gRPC's own restraint: two pings, then one a minute, until there is data.
    """
    known = dict(targets._OPTIONS)
    times = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms")
    changed = {name: known[name] // FASTER for name in times}
    return {**known, **changed, **({"grpc.http2.max_pings_without_data": 0} if eager else {})}


async def connections(monkeypatch, server_options, target_options, *, busy, pings=5):
    """How many connections a target needs for two calls, between or in which there is nothing but pings."""
    pause_s = pings * target_options["grpc.keepalive_time_ms"] / 1000

    async def answer(_raw, _context):
        await asyncio.sleep(pause_s if busy and len(server.calls) == 1 else 0)
        return b""

    async with HealthyServer(options=server_options) as server:
        server.answer = answer
        monkeypatch.setattr(targets, "_OPTIONS", tuple(target_options.items()))
        target = Target(server.address, None)
        try:
            await target.call(GET_MODEL_STATUS, STATUS, timeout_s=ENOUGH_S)
            if not busy:
                await asyncio.sleep(pause_s)
            await target.call(GET_MODEL_STATUS, STATUS, timeout_s=ENOUGH_S)
        except grpc.aio.AioRpcError as error:
            return error.details()
        finally:
            await target.close()
        return len({call.peer for call in server.calls})


async def test_looking_after_a_connection_never_costs_it(monkeypatch):
    eager, restrained = faster(eager=True), faster(eager=False)
    found = await asyncio.gather(
        *(
            # The fourth ping is one too many; twice that, as pings are late on a busy machine.
            connections(monkeypatch, server_options, target_options, busy=busy, pings=pings)
            for server_options, target_options, pings in (
                (told(), eager, 5),
                ([], restrained, 5),
                ([], eager, 8),
            )
            for busy in (True, False)
        )
    )
    # A model server that was told to expect pings, and one that was not and meets restraint.
    assert found[:4] == [1, 1, 1, 1]
    # What it would look like else.
    assert 1 not in found[4:]


async def test_the_gateways_own_clients_may_ping_every_ten_seconds(home, model_server, monkeypatch):
    make, faster = grpc.aio.server, 9

    def faster_server(*, options, **more):
        divided = [(name, value // faster if name.endswith("_ms") else value) for name, value in options]
        return make(options=divided, **more)

    async def is_kept(edge, *, ping_s, pings=6):
        eager = [
            ("grpc.keepalive_time_ms", int(ping_s * 1000 / faster)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        trust = grpc.ssl_channel_credentials(home.ca_file.read_bytes())
        target = f"localhost:{edge.gateway.settings.grpc_port}"
        async with grpc.aio.secure_channel(target, trust, options=eager) as channel:
            await asyncio.wait_for(channel.channel_ready(), ENOUGH_S)
            try:
                async with asyncio.timeout(pings * max(ping_s / faster, LEAST_PING_S)):
                    await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
            except TimeoutError:
                return True
        return False

    monkeypatch.setattr(grpc.aio, "server", faster_server)
    async with edges(home, model_server.address) as edge:
        assert await asyncio.gather(is_kept(edge, ping_s=11), is_kept(edge, ping_s=5)) == [True, False]


# Several model servers behind one name.


async def test_those_behind_one_name_share_the_calls_and_one_that_is_unwell_gets_none():
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(HealthyServer()) for _ in range(3)]
        target = Target("ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in servers), None)
        stack.push_async_callback(target.close)

        async def call_for(seconds):
            """Which servers answer."""
            for server in servers:
                server.calls.clear()
            ends_s = time.monotonic() + seconds
            while time.monotonic() < ends_s:
                calls = (target.call(GET_MODEL_STATUS, STATUS, timeout_s=ENOUGH_S) for _ in range(10))
                await asyncio.gather(*calls)
                await asyncio.sleep(0.01)
            return [len(server.calls) for server in servers]

        async with asyncio.timeout(ENOUGH_S):
            while 0 in await call_for(0.1):
                pass  # until all are connected
        counts = await call_for(0.5)
        assert max(counts) - min(counts) <= 0.05 * sum(counts)
        servers[0].health.be(serving=False)
        await call_for(1)  # no call fails meanwhile
        none, *rest = await call_for(1)
        assert none == 0
        assert abs(rest[0] - rest[1]) <= 0.1 * sum(rest)
        servers[0].health.be(serving=True)
        async with asyncio.timeout(ENOUGH_S):
            while 0 in await call_for(0.1):
                pass
        # All at once: the channel says so, and the next target of a list would be asked.
        for server in servers:
            server.health.be(serving=False)
        async with asyncio.timeout(ENOUGH_S):
            await until(lambda: target.state is grpc.ChannelConnectivity.TRANSIENT_FAILURE)


# Sizes.


def predict_request(size):
    """A request of so many bytes."""
    request = PredictRequest(model_spec=ModelSpec(name="gru"))
    tensors.encode(np.zeros((1, 672, 7), np.float32), request.inputs["window"], packed=True)
    request.client_id = b"x" * (size - request.ByteSize() - 4)  # and its tag and length
    raw = request.SerializeToString()
    assert len(raw) == size
    return raw


async def test_requests_and_answers_have_a_largest_size_and_what_is_over_it_does_no_harm(home, model_server):
    largest = 50_000
    sizes = iter([MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1])

    async with edges(home, model_server.address, max_predict_bytes=largest) as edge:
        await edge.until_ready()
        predict = edge.rpc.unary_unary(PREDICT)

        async def call(raw):
            return await predict(raw, metadata=edge.metadata, timeout=ENOUGH_S)

        assert await call(predict_request(largest))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(predict_request(largest + 1))
        assert (caught.value.code(), reason(caught.value)) == (StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE")
        # What no call of this edge takes is refused before it is read.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\0" * (edge.gateway.settings.max_upload_bytes + 64 * 1024 + 1))
        assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED
        assert len(model_server.calls) == 1

        async def answer(_raw, _context):
            return b"x" * next(sizes)

        model_server.answer = answer
        assert len(await call(predict_request(largest))) == MAX_ANSWER_BYTES
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(predict_request(largest))
        assert (caught.value.code(), reason(caught.value)) == (StatusCode.INTERNAL, "MODEL_FAILED")
        model_server.answer = None
        assert await call(predict_request(largest))
        assert edge.gateway.is_ready
        assert Counter(call.peer for call in model_server.calls).total() == 4
        assert len({call.peer for call in model_server.calls}) == 1
