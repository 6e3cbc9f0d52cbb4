"""What a called service logs of a request names the id that its caller sent."""

import json
import logging
import os

import grpc
import grpc.aio
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest

from services.core.telemetry import logs
from services.core.telemetry.followed import Followed
from services.serving.rpc import unary


@pytest.fixture
def written():
    """What the model server's gRPC edge logs."""
    reading, writing = os.pipe()
    lines = logs.Lines(logs.formatter("json"), writing)
    logger = logging.getLogger("services.serving.rpc")
    logger.addHandler(lines)

    def read():
        lines.flush()
        return [json.loads(line) for line in os.read(reading, 1 << 20).splitlines()]

    yield read
    logger.removeHandler(lines)


async def test_a_bug_of_the_model_server_is_found_by_the_callers_id(written):
    async def fail(_request, _context):
        raise RuntimeError("a bug")

    server = grpc.aio.server(interceptors=[Followed()])
    methods = {"Method": unary(fail, HealthCheckRequest)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("a.Service", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/a.Service/Method")
        for metadata in ([("x-request-id", "order-70")], []):
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"", metadata=metadata, timeout=10)
    await server.stop(None)
    named, nameless = written()
    assert named["request_id"] == "order-70"
    assert "RuntimeError: a bug" in named["exception"]
    assert "request_id" not in nameless
