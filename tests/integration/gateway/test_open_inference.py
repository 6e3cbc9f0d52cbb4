"""The Open Inference Protocol as the gateway speaks it, against a server that answers what it is told to."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError
from services.gateway.adapters.balancing import Balancer
from services.gateway.adapters.open_inference import UNVERSIONED, OpenInference
from services.gateway.adapters.targets import Target
from services.gateway.models import VersionGoneError
from tests.integration.gateway.in_process import SPEC, edges
from wattgate.openinference.methods import SERVICE
from wattgate.openinference.v2 import inference_pb2
from wattgate.tfserving.v1 import predict_pb2

WINDOW = np.arange(2 * 3, dtype=np.float32).reshape(1, 2, 3)
SECRET = "/srv/models/secret"


class Server:
    """Two methods; forecasts the mean of every window, which is right for the known request."""

    def __init__(self) -> None:
        self.versions = ["1"]
        self.asked = []
        self.answer = lambda request, _context: forecast(request)
        self._server = grpc.server(ThreadPoolExecutor(2))
        methods = {
            "ModelMetadata": (self._metadata, inference_pb2.ModelMetadataRequest),
            "ModelInfer": (self._infer, inference_pb2.ModelInferRequest),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                answer, request.FromString, lambda message: message.SerializeToString()
            )
            for name, (answer, request) in methods.items()
        }
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _metadata(self, request, _context):
        return inference_pb2.ModelMetadataResponse(name=request.name, versions=self.versions)

    def _infer(self, request, context):
        self.asked.append(request)
        return self.answer(request, context)

    def stop(self) -> None:
        self._server.stop(0).wait()


def forecast(request):
    if request.parameters["signature"].string_param == "forecast_spec":
        document = SPEC.model_dump_json().encode()
        return answered("BYTES", [1], len(document).to_bytes(4, "little") + document, name="forecast_spec")
    size = request.inputs[0].shape[0]
    return answered("FP32", [size, SPEC.horizon], bytes(4 * size * SPEC.horizon))


def answered(datatype, shape, raw, *, name="forecast"):
    response = inference_pb2.ModelInferResponse(raw_output_contents=[raw])
    response.outputs.add(name=name, datatype=datatype, shape=shape)
    return response


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
async def adapter(server):
    balancer = Balancer([Target(f"127.0.0.1:{server.port}", None)])
    yield OpenInference(balancer)
    await balancer.close()


async def predict(adapter, *, version=1, output="forecast", timeout_s=2.0):
    return await adapter.predict("gru", version, "compiled", {"window": WINDOW}, output, timeout_s=timeout_s)


async def test_both_edges_forecast_by_it_and_tensorflow_servings_api_is_not_there(home, server):
    async with edges(home, f"127.0.0.1:{server.port}", engine="triton") as edge:
        await edge.until_ready()
        answer = await edge.https.post(
            "/v1/models/gru:forecast", json={"start": "2024-06-03T00:00:00Z", "kw": [1.0] * SPEC.window}
        )
        assert answer.status_code == 200, answer.text
        assert [step["kw"] for step in answer.json()["steps"]] == [SPEC.load.mean] * SPEC.horizon
        assert answer.json()["model_version"] == 1
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "gru"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await edge.rpc.unary_unary("/tensorflow.serving.ModelService/GetModelStatus")(
                request.SerializeToString(), metadata=edge.with_scopes("tensors")
            )
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "do not run on TensorFlow Serving" in refused.value.details()


async def test_a_call_names_version_signature_and_output_and_carries_the_window_raw(adapter, server):
    server.answer = lambda _request, _context: answered("FP32", [1, 2], np.float32([1, 2]).tobytes())
    assert (await predict(adapter)).tolist() == [[1.0, 2.0]]
    (request,) = server.asked
    assert (request.model_name, request.model_version) == ("gru", "1")
    assert request.parameters["signature"].string_param == "compiled"
    assert [output.name for output in request.outputs] == ["forecast"]
    (given,) = request.inputs
    assert (given.name, given.datatype, list(given.shape)) == ("window", "FP32", [1, 2, 3])
    assert list(request.raw_input_contents) == [WINDOW.tobytes()]


async def test_an_answer_may_carry_its_values_in_the_outputs(adapter, server):
    response = inference_pb2.ModelInferResponse()
    other = response.outputs.add(name="other", datatype="FP32", shape=[1])
    other.contents.fp32_contents.append(7)
    output = response.outputs.add(name="forecast", datatype="FP32", shape=[1, 2])
    output.contents.fp32_contents.extend([1, 2])
    text = response.outputs.add(name="forecast_spec", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"{}")
    server.answer = lambda _request, _context: response
    assert (await predict(adapter)).tolist() == [[1.0, 2.0]]
    assert (await predict(adapter, output="forecast_spec")).item() == b"{}"


def no_contents():
    response = inference_pb2.ModelInferResponse()
    response.outputs.add(name="forecast", datatype="BYTES", shape=[1])
    return response


@pytest.mark.parametrize(
    "response",
    [
        answered("FP32", [1, 2], bytes(4)),
        answered("FP32", [1, 2], bytes(7)),
        answered("FP32", [1, 2], bytes(8), name="other"),
        answered("FP64", [1, 2], bytes(16)),
        answered("BYTES", [1], b"\1"),
        no_contents(),
        inference_pb2.ModelInferResponse(),
    ],
    ids=["too short", "no floats", "another output", "another type", "no length", "no value", "nothing"],
)
async def test_an_answer_that_cannot_be_read_is_a_failed_model(adapter, server, response):
    server.answer = lambda _request, _context: response
    with pytest.raises(ModelFailedError):
        await predict(adapter)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (grpc.StatusCode.UNAVAILABLE, ModelUnavailableError),
        (grpc.StatusCode.NOT_FOUND, VersionGoneError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineError),
        (grpc.StatusCode.INVALID_ARGUMENT, ModelFailedError),
        (grpc.StatusCode.INTERNAL, ModelFailedError),
    ],
)
async def test_its_errors_become_ours_without_its_words(adapter, server, code, ours):
    server.answer = lambda _request, context: context.abort(code, SECRET)
    with pytest.raises(ours) as caught:
        await predict(adapter)
    assert type(caught.value) is ours
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("named", "versions"),
    [(["1", "12", "3"], [12, 3, 1]), ([], [UNVERSIONED]), (["v1", "2"], [2]), (["9" * 5000, "2"], [2])],
)
async def test_versions_are_numbers_the_newest_first(adapter, server, named, versions):
    server.versions = named
    assert await adapter.available_versions("gru", timeout_s=2) == versions


async def test_no_version_that_is_a_number_is_an_unavailable_model(adapter, server):
    server.versions = ["latest"]
    with pytest.raises(ModelUnavailableError):
        await adapter.available_versions("gru", timeout_s=2)


async def test_a_server_that_keeps_no_versions_is_asked_for_none(adapter, server):
    server.answer = lambda _request, _context: answered("FP32", [1], bytes(4))
    await predict(adapter, version=UNVERSIONED)
    assert server.asked[0].model_version == ""
