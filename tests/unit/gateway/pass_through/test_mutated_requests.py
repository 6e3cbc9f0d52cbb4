"""Requests with some bytes changed are refused in order, or fit."""

import random
from collections import Counter

import numpy as np

from services.core import tensors
from services.core.errors import ServiceError
from tests.unit.gateway.pass_through.requests import mutated, predict_request, renamed, shaped
from wattgate.tfserving.methods import PREDICT
from wattgate.tfserving.v1 import predict_pb2

# What mutations meet: the request's fault (3, 5, 9), its size (8), and nothing else.
CODES = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}


async def test_ten_thousand_mutated_requests_are_refused_in_order_or_fit(call, server):
    dice = random.Random(11)
    sources = [
        predict_request(filters=["forecast"]).SerializeToString(),
        predict_request(signature="serving_default", packed=False).SerializeToString(),
        shaped(1, 672, 7, float_val=[0.5]).SerializeToString(),
        renamed("x").SerializeToString(),
    ]
    outcomes, refusals = Counter(), []
    for _ in range(10_000):
        raw = mutated(dice, sources)
        try:
            await call(PREDICT, raw)
            outcomes["forwarded"] += 1
        except ServiceError as error:
            refusals.append(error)
            outcomes[error.grpc.name] += 1
    assert [error.__cause__ for error in refusals if type(error) is ServiceError] == []  # bugs
    assert max(len(str(error)) for error in refusals) < 600
    assert outcomes.keys() <= CODES | {"forwarded"}
    assert outcomes["forwarded"] == len(server.forwarded) > 100
    assert outcomes["INVALID_ARGUMENT"] > 1000
    for _, raw, _ in server.forwarded:
        request = predict_pb2.PredictRequest.FromString(raw)
        array = tensors.decode(request.inputs["window"])
        assert array.dtype == np.float32
        assert array.shape[1:] == (672, 7)
        assert len(array) in range(1, 33)
