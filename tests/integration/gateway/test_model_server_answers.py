"""Whatever a model server answers, the gateway makes one of its own errors of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import numpy as np
import pytest

from services.core import tensors
from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError
from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.targets import Target
from services.gateway.adapters.tfserving import TensorFlowServing
from services.gateway.models import VersionGoneError
from wattgate.tfserving.v1 import get_model_status_pb2, predict_pb2

WINDOW = {"window": np.zeros((1, 672, 7), np.float32)}
SECRET = "/srv/models/secret"


class FakeModelServer:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.answer = lambda _request, _context: predict_pb2.PredictResponse()
        self.status = get_model_status_pb2.GetModelStatusResponse()
        self._server = grpc.server(ThreadPoolExecutor(2))
        for service, method, request, answer in (
            ("PredictionService", "Predict", predict_pb2.PredictRequest, self._predict),
            ("ModelService", "GetModelStatus", get_model_status_pb2.GetModelStatusRequest, self._get_status),
        ):
            handler = grpc.unary_unary_rpc_method_handler(
                answer, request.FromString, lambda message: message.SerializeToString()
            )
            generic = grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", {method: handler})
            self._server.add_generic_rpc_handlers([generic])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _predict(self, request, context):
        return self.answer(request, context)

    def _get_status(self, _request, _context):
        return self.status

    def stop(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def fake():
    server = FakeModelServer()
    yield server
    server.stop()


@pytest.fixture
async def adapter(fake):
    balancer = Balancer([Target(f"127.0.0.1:{fake.port}", None)])
    yield TensorFlowServing(balancer)
    await balancer.close()


async def predict(adapter, timeout_s=2.0):
    return await adapter.predict("gru", 1, "compiled", WINDOW, "forecast", timeout_s=timeout_s)


def answering(**outputs):
    response = predict_pb2.PredictResponse()
    for name, fill in outputs.items():
        fill(response.outputs[name])
    return lambda _request, _context: response


async def test_a_call_names_version_signature_and_output_and_carries_the_window(adapter, fake):
    asked = []

    def answer(request, _context):
        asked.append(request)
        response = predict_pb2.PredictResponse()
        tensors.encode(np.ones((1, 8), np.float32), response.outputs["forecast"], packed=False)
        return response

    fake.answer = answer
    assert (await predict(adapter)).tolist() == [[1.0] * 8]
    (request,) = asked
    assert (request.model_spec.name, request.model_spec.version.value) == ("gru", 1)
    assert request.model_spec.signature_name == "compiled"
    assert list(request.output_filter) == ["forecast"]
    assert np.array_equal(tensors.decode(request.inputs["window"]), WINDOW["window"])


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (grpc.StatusCode.UNAVAILABLE, ModelUnavailableError),
        (grpc.StatusCode.CANCELLED, ModelUnavailableError),
        (grpc.StatusCode.NOT_FOUND, VersionGoneError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineError),
        (grpc.StatusCode.INVALID_ARGUMENT, ModelFailedError),
        (grpc.StatusCode.FAILED_PRECONDITION, ModelFailedError),
        (grpc.StatusCode.INTERNAL, ModelFailedError),
        (grpc.StatusCode.UNKNOWN, ModelFailedError),
        (grpc.StatusCode.UNIMPLEMENTED, ModelFailedError),
    ],
)
async def test_its_errors_become_ours_without_its_words(adapter, fake, code, ours):
    fake.answer = lambda _request, context: context.abort(code, SECRET)
    with pytest.raises(ours) as caught:
        await predict(adapter)
    assert type(caught.value) is ours
    assert SECRET not in str(caught.value)


async def test_no_answer_in_time_is_a_deadline_error(adapter, fake):
    answered = threading.Event()
    fake.answer = lambda _request, _context: answered.wait(5) and None
    with pytest.raises(DeadlineError, match=r"within 0\.2 s"):
        await predict(adapter, timeout_s=0.2)
    answered.set()


def huge(tensor):
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=16 * 1024 * 1024)
    tensor.float_val.append(1.0)


def negative(tensor):
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=-1)


def unknown_type(tensor):
    tensor.dtype = 14  # BFLOAT16, which this vocabulary leaves out


@pytest.mark.parametrize("fill", [huge, negative, unknown_type])
async def test_a_tensor_that_cannot_be_read_is_a_failed_model(adapter, fake, fill):
    fake.answer = answering(forecast=fill)
    with pytest.raises(ModelFailedError):
        await predict(adapter)


async def test_outputs_that_were_not_asked_for_are_not_even_read(adapter, fake):
    fake.answer = answering(
        forecast=lambda tensor: tensors.encode(np.ones((1, 8), np.float32), tensor, packed=True),
        **{f"other{i}": huge for i in range(200)},
    )
    assert (await predict(adapter)).shape == (1, 8)


async def test_an_answer_without_the_output_is_a_failed_model(adapter, fake):
    fake.answer = answering(other=huge)
    with pytest.raises(ModelFailedError):
        await predict(adapter)


async def test_an_answer_over_four_mebibytes_is_a_failed_model(adapter, fake):
    fake.answer = answering(
        forecast=lambda tensor: tensors.encode(np.ones(2 * 1024 * 1024, np.float32), tensor, packed=True)
    )
    with pytest.raises(ModelFailedError):
        await predict(adapter)


async def test_only_available_versions_count_the_newest_first(adapter, fake):
    state = get_model_status_pb2.ModelVersionStatus
    for version, is_now in ((3, state.LOADING), (1, state.AVAILABLE), (2, state.AVAILABLE), (4, state.END)):
        fake.status.model_version_status.add(version=version, state=is_now)
    assert await adapter.available_versions("gru", timeout_s=2) == [2, 1]


async def test_no_available_version_is_an_unavailable_model(adapter):
    with pytest.raises(ModelUnavailableError):
        await adapter.available_versions("gru", timeout_s=2)
