"""What becomes of a passed-through call that fails, is cancelled or comes at the wrong time."""

import asyncio
import random
import time

import grpc
import grpc.aio
import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value
from grpc import StatusCode
from tensorflow_serving.apis import predict_pb2 as official

from services.core import tensors
from tests.integration.gateway.in_process import edges, until
from tests.integration.rpc_errors import reason
from tests.unit.gateway.pass_through.requests import mutated
from wattgate.tfserving.methods import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import predict_pb2
from wattgate.tfserving.v1.get_model_metadata_pb2 import GetModelMetadataRequest
from wattgate.tfserving.v1.get_model_status_pb2 import GetModelStatusRequest
from wattgate.tfserving.v1.model_pb2 import ModelSpec

ENOUGH_S = 10


def predict_request(signature="compiled", batch=1):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "gru", signature
    tensors.encode(np.full((batch, 672, 7), 0.25, np.float32), request.inputs["window"], packed=True)
    return request.SerializeToString()


GRU_1 = ModelSpec(name="gru", version=Int64Value(value=1))
CALLS = {
    PREDICT: predict_request(),
    GET_MODEL_METADATA: GetModelMetadataRequest(
        model_spec=GRU_1, metadata_field=["signature_def"]
    ).SerializeToString(),
    GET_MODEL_STATUS: GetModelStatusRequest(model_spec=GRU_1).SerializeToString(),
}


def calling(edge, method, raw, *, timeout_s=ENOUGH_S):
    return edge.rpc.unary_unary(method)(raw, metadata=edge.metadata, timeout=timeout_s)


async def refusal(edge, method, raw, **options):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calling(edge, method, raw, **options)
    return caught.value


def failing(code, words):
    async def answer(_raw, context):
        await context.abort(code, words)

    return answer


WORDS = "input size does not match signature: 1!=2 len({x}) != len({x, y}). Sent extra: {}."


@pytest.mark.parametrize(
    "code",
    [
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNIMPLEMENTED,
    ],
)
async def test_refusals_that_concern_the_request_keep_code_and_words(edge, model_server, code):
    for method, raw in CALLS.items():
        model_server.answer = failing(code, WORDS)
        error = await refusal(edge, method, raw)
        assert (error.code(), error.details(), reason(error)) == (code, WORDS, "REFUSED")
        model_server.answer = failing(code, "no such file: /srv/models/secret")
        error = await refusal(edge, method, raw)
        assert error.code() is code
        assert "/srv" not in error.details()
        assert b"/srv" not in dict(error.trailing_metadata())["grpc-status-details-bin"]


OURS = {
    StatusCode.INTERNAL: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.UNKNOWN: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.DATA_LOSS: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.PERMISSION_DENIED: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.UNAUTHENTICATED: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.RESOURCE_EXHAUSTED: (StatusCode.INTERNAL, "MODEL_FAILED"),
    StatusCode.UNAVAILABLE: (StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE"),
    StatusCode.CANCELLED: (StatusCode.UNAVAILABLE, "MODEL_UNAVAILABLE"),
    StatusCode.DEADLINE_EXCEEDED: (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
}


async def test_other_failures_become_the_gateways_own(edge, model_server):
    for code, ours in OURS.items():
        model_server.answer = failing(code, WORDS)
        error = await refusal(edge, PREDICT, CALLS[PREDICT])
        assert (error.code(), reason(error)) == ours
        assert WORDS not in error.details()


async def test_a_caller_who_leaves_cancels_the_call_of_the_model_server(edge, model_server):
    async def hang(_raw, _context):
        await asyncio.Event().wait()

    model_server.answer = hang
    for _ in range(20):
        model_server.calls.clear()
        model_server.cancelled.clear()
        call = calling(edge, PREDICT, CALLS[PREDICT])
        async with asyncio.timeout(ENOUGH_S):
            await until(lambda: model_server.calls)
            left_s = time.monotonic()
            call.cancel()
            await model_server.cancelled.wait()
        assert time.monotonic() - left_s < 0.5
    assert edge.gateway.admission.at_work == 0


async def test_the_deadline_travels_on_less_a_margin_and_no_further_than_the_gateways_own(edge, model_server):
    for given_s, most_s in ((1, 0.985), (60, 3.1)):
        await calling(edge, PREDICT, CALLS[PREDICT], timeout_s=given_s)
        (call,) = model_server.calls
        assert most_s - 0.6 < call.time_left_s <= most_s  # gRPC rounds
        model_server.calls.clear()
    assert (
        await refusal(edge, PREDICT, CALLS[PREDICT], timeout_s=0.09)
    ).code() is StatusCode.DEADLINE_EXCEEDED
    assert model_server.calls == []


async def test_a_full_house_sends_predict_away_and_answers_questions(home, model_server):
    gate = asyncio.Event()

    async def wait(raw, _context):
        if len(raw) > 1000:
            await gate.wait()
        return b""

    async with edges(home, model_server.address, max_in_flight=2, max_queued=1) as edge:
        await edge.until_ready()
        model_server.answer = wait
        calls = [calling(edge, PREDICT, CALLS[PREDICT]) for _ in range(3)]
        admission = edge.gateway.admission
        async with asyncio.timeout(ENOUGH_S):
            await until(lambda: (admission.at_work, admission.waiting) == (2, 1))
        error = await refusal(edge, PREDICT, CALLS[PREDICT])
        assert (error.code(), reason(error)) == (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert await calling(edge, GET_MODEL_METADATA, CALLS[GET_MODEL_METADATA]) == b""
        assert len([call for call in model_server.calls if call.method == PREDICT]) == 2
        gate.set()
        assert [await call for call in calls] == [b""] * 3


async def test_nothing_is_forwarded_without_a_token(edge, model_server):
    for method, raw in CALLS.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await edge.rpc.unary_unary(method)(raw, timeout=ENOUGH_S)
        assert caught.value.code() is StatusCode.UNAUTHENTICATED
    assert model_server.calls == []


async def test_a_model_server_sees_neither_the_token_nor_a_request_that_it_could_not_read(edge, model_server):
    """Mutated requests meet refusals in order, and whatever gets through, TensorFlow Serving can parse."""
    dice = random.Random(5)
    sources = [predict_request(), predict_request("serving_default", 2)]
    seen = set()

    async def answer(raw, context):
        seen.update(key for key, _ in context.invocation_metadata())
        official.PredictRequest.FromString(raw)
        return b"read"

    model_server.answer = answer

    async def code(raw):
        try:
            return await calling(edge, PREDICT, raw)
        except grpc.aio.AioRpcError as error:
            if "Error" in error.details() or "Exception" in error.details():
                return error.details()
            return error.code()

    outcomes = []
    for _ in range(50):
        outcomes += await asyncio.gather(*(code(mutated(dice, sources)) for _ in range(8)))
    assert set(outcomes) <= {
        b"read", StatusCode.INVALID_ARGUMENT, StatusCode.NOT_FOUND, StatusCode.FAILED_PRECONDITION
    }  # fmt: skip
    assert outcomes.count(b"read") > 20
    assert "authorization" not in seen
