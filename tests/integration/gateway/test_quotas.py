"""Each caller may have so many forecasts a minute, over both edges; nobody has fewer for it."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode
from grpc.aio import AioRpcError

from services.core import tensors
from services.gateway.policy import FORECAST, TENSORS
from services.gateway.quotas import MOST_STREAMS
from tests.data import SAMPLE
from tests.integration.gateway.in_process import SPEC, edges
from tests.integration.rpc_errors import detail, reason
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub
from wattgate.tfserving.methods import PREDICT
from wattgate.tfserving.v1 import predict_pb2

CSV = SAMPLE.read_bytes()
FORECAST_REQUEST = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=CSV))
ENOUGH_S = 30


@asynccontextmanager
async def gateway(home, model_server, per_minute):
    async with edges(home, model_server.address, forecasts_per_minute=per_minute) as edge:
        await edge.until_ready()
        yield edge


def upload(edge, metadata):
    return edge.https.post("/predict/gru", files={"file": CSV}, headers={"Authorization": metadata[0][1]})


def call(edge, metadata):
    return ForecastServiceStub(edge.rpc).Forecast(FORECAST_REQUEST, metadata=metadata, timeout=ENOUGH_S)


def predict(edge, metadata, windows):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "gru", SPEC.signatures[0]
    batch = np.zeros((windows, SPEC.window, len(SPEC.features)), np.float32)
    tensors.encode(batch, request.inputs[SPEC.input], packed=True)
    return edge.rpc.unary_unary(PREDICT)(request.SerializeToString(), metadata=metadata, timeout=ENOUGH_S)


async def test_who_has_had_them_all_is_told_when_to_come_again_on_both_edges(home, model_server):
    async with gateway(home, model_server, 4) as edge:
        ada, admin = edge.metadata, edge.with_scopes(FORECAST)
        for _ in range(2):
            assert (await upload(edge, ada)).status_code == 200
            await call(edge, ada)
        refused = await upload(edge, ada)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 15
        assert refused.json()["reason"] == "OVER_QUOTA"
        assert "4 forecasts a minute" in refused.json()["detail"]
        with pytest.raises(AioRpcError) as error:
            await call(edge, ada)
        assert error.value.code() is StatusCode.RESOURCE_EXHAUSTED
        assert reason(error.value) == "OVER_QUOTA"
        assert 1 <= detail(error.value, RetryInfo).retry_delay.seconds <= 15
        # Of what costs nothing there is enough, and others have theirs.
        assert (await edge.https.get("/v1/models")).status_code == 200
        assert (await upload(edge, admin)).status_code == 200
        await call(edge, admin)


async def test_every_window_of_a_batch_counts(home, model_server):
    async with gateway(home, model_server, 40) as edge:
        admin = edge.with_scopes(TENSORS)
        await predict(edge, admin, 32)
        await predict(edge, admin, 8)
        with pytest.raises(AioRpcError) as error:
            await predict(edge, admin, 1)
        assert reason(error.value) == "OVER_QUOTA"


async def test_a_request_that_is_refused_counts_too(home, model_server):
    async with gateway(home, model_server, 40) as edge:
        admin = edge.with_scopes(TENSORS)
        for _ in range(40):
            with pytest.raises(AioRpcError) as error:
                await predict(edge, admin, 3)  # no batch of the model's
            assert error.value.code() is StatusCode.INVALID_ARGUMENT
        with pytest.raises(AioRpcError) as error:
            await predict(edge, admin, 3)
        assert reason(error.value) == "OVER_QUOTA"


async def test_a_caller_has_so_many_streams_and_others_have_theirs(home, model_server):
    async with gateway(home, model_server, 1000) as edge:
        over = asyncio.Event()

        async def silence():
            await over.wait()
            return
            yield

        def stream(metadata):
            return ForecastServiceStub(edge.rpc).ForecastStream(
                silence(), metadata=metadata, timeout=ENOUGH_S
            )

        open_streams = [asyncio.create_task(stream(edge.metadata).read()) for _ in range(MOST_STREAMS)]
        await asyncio.sleep(0.5)
        with pytest.raises(AioRpcError) as error:
            await stream(edge.metadata).read()
        assert (error.value.code(), reason(error.value)) == (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        other = asyncio.create_task(stream(edge.with_scopes(FORECAST)).read())
        await asyncio.sleep(0.2)
        assert not other.done()
        over.set()
        await asyncio.gather(*open_streams, other)


async def test_a_stream_waits_for_its_turn_and_holds_up_nobody(home, model_server):
    async with gateway(home, model_server, 120) as edge:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def histories():
            for i in range(124):
                yield pb.ForecastStreamRequest(id=str(i), request=FORECAST_REQUEST)

        async def answers():
            stream = ForecastServiceStub(edge.rpc).ForecastStream(
                histories(), metadata=edge.metadata, timeout=ENOUGH_S
            )
            return [answer async for answer in stream]

        streaming = asyncio.create_task(answers())
        await asyncio.sleep(0.5)
        await call(edge, edge.with_scopes(FORECAST))
        answered = await streaming
        assert {int(answer.id) for answer in answered if answer.HasField("forecast")} == set(range(124))
        assert loop.time() - began >= 2.0  # the last four, half a second each
