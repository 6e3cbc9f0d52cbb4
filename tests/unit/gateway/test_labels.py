"""Which versions are labelled, as several model servers answer it."""

import grpc
import grpc.aio
import pytest

from services.core.errors import DeadlineError, ModelUnavailableError
from services.gateway.adapters.tfserving import TensorFlowServing
from wattgate.tfserving.v1 import get_model_status_pb2


def has(version):
    answer = get_model_status_pb2.GetModelStatusResponse()
    answer.model_version_status.add(version=version, state=30)
    return answer.SerializeToString()


def fails(code):
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="")


UNKNOWN = fails(grpc.StatusCode.INVALID_ARGUMENT)
AWAY, LATE = fails(grpc.StatusCode.UNAVAILABLE), fails(grpc.StatusCode.DEADLINE_EXCEEDED)


class Balancer:
    """Targets that answer by label."""

    def __init__(self, **answers):
        self._answers = answers

    async def call_each(self, _method, message, *, timeout_s):
        request = get_model_status_pb2.GetModelStatusRequest.FromString(message)
        return self._answers[request.model_spec.version_label]


async def labels(**answers):
    return await TensorFlowServing(Balancer(**answers)).labels("gru", timeout_s=1)


async def test_those_that_servers_know():
    assert await labels(stable=[has(1)], canary=[has(2)]) == {"stable": 1, "canary": 2}


async def test_one_that_no_server_knows_is_left_out():
    assert await labels(stable=[UNKNOWN, UNKNOWN], canary=[UNKNOWN]) == {}


async def test_of_servers_that_differ_the_newest_counts():
    assert await labels(stable=[has(1), has(2), AWAY], canary=[UNKNOWN, has(3)]) == {"stable": 2, "canary": 3}


@pytest.mark.parametrize(
    ("answers", "error"),
    [([AWAY], ModelUnavailableError), ([LATE], DeadlineError), ([UNKNOWN, AWAY], ModelUnavailableError)],
)
async def test_a_server_that_does_not_answer_is_not_one_without_labels(answers, error):
    """Else a canary, the newest version, would serve everybody."""
    with pytest.raises(error):
        await labels(stable=answers, canary=[UNKNOWN])
