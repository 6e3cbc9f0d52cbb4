"""Predict, GetModelMetadata and GetModelStatus as TensorFlow Serving's clients know them."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from grpc import StatusCode
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from services.core.tensors import decode, encode
from tests.integration.serving.conftest import Client, serve
from wattgate.tfserving.v1 import get_model_metadata_pb2 as slim_metadata
from wattgate.tfserving.v1 import get_model_status_pb2 as slim_status

X = np.array([[1], [2], [5]], np.float32)
SMALL = np.array([1.5, 2], np.float32)
INTS = np.array([2, 3], np.int32)


@pytest.mark.parametrize("packed", [True, False])
def test_predict_answers_in_typed_fields_and_names_what_answered(client, packed):
    response = client.predict(x=X, packed=packed)
    assert (response.model_spec.name, response.model_spec.signature_name) == ("arithmetic", "serving_default")
    assert response.model_spec.version.value == 123
    assert list(response.outputs["y"].float_val) == [3.5, 4.0, 5.5]
    assert not response.outputs["y"].tensor_content
    np.testing.assert_array_equal(decode(response.outputs["y"]), X / 2 + 3)


def test_both_clients_put_the_same_bytes_on_the_wire(server):
    official, slim = (Client(server.channel, stubs).request(x=X, version=1) for stubs in ("official", "slim"))
    assert official.SerializeToString(deterministic=True) == slim.SerializeToString(deterministic=True)


def test_several_inputs_outputs_and_strings(client):
    both = client.outputs("two", a=SMALL, b=INTS)
    assert {name: array.tolist() for name, array in both.items()} == {
        "sum": [3.5, 5.0],
        "product": [3.0, 6.0],
    }
    assert client.outputs("two", a=SMALL, b=INTS, outputs=["sum"]).keys() == {"sum"}
    said = client.outputs("text", text=np.array([b"kw", b"\x00\xff"], object))
    assert said["shouted"].tolist() == [b"KW", b"\x00\xff"]


def test_a_signature_without_inputs_needs_none(client):
    assert client.outputs("spec")["spec"].item() == b'{"format": 1}'


def test_fed_shapes_are_not_checked_against_the_signature(client):
    # The signature says (None, 1); TensorFlow Serving's own clients feed plain lists.
    assert client.outputs(x=np.ones(2, np.float32))["y"].tolist() == [3.5, 3.5]


def test_versions_and_labels_choose(client):
    assert client.outputs(x=X, version=1)["y"].tolist() == [[2.5], [3.0], [4.5]]
    assert client.outputs(x=X, label="stable")["y"].tolist() == [[2.5], [3.0], [4.5]]
    assert client.predict(x=X, label="stable").model_spec.version.value == 1


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        ({"model": ""}, StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ({"model": "none"}, StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"),
        ({"version": 7}, StatusCode.NOT_FOUND, "Servable not found for request: Specific(arithmetic, 7)"),
        ({"version": 0}, StatusCode.NOT_FOUND, "Servable not found for request: Specific(arithmetic, 0)"),
        (
            {"model": "none", "version": 1},
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(none, 1)",
        ),
        ({"label": "canary"}, StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: canary"),
        (
            {"signature": "classify"},
            StatusCode.FAILED_PRECONDITION,
            'Serving signature key "classify" not found.',
        ),
        (
            {"signature": "__saved_model_init_op"},
            StatusCode.INVALID_ARGUMENT,
            "input size does not match signature: 1!=0 len({x}) != len({}). "
            "Sent extra: {x}. Missing but required: {}.",
        ),
    ],
)
def test_what_is_not_served_is_refused(client, spec, code, said):
    assert client.refusal(x=X, **spec) == (code, said)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            {"signature": "two", "a": SMALL},
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
            "Sent extra: {}. Missing but required: {b}.",
        ),
        (
            {},
            "input size does not match signature: 0!=1 len({}) != len({x}). "
            "Sent extra: {}. Missing but required: {x}.",
        ),
        (
            {"x": X, "z": X},
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). "
            "Sent extra: {z}. Missing but required: {}.",
        ),
        (
            {"z": X},
            "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default "
            "value provided. Inputs expected to be in the request {z}, or default input alias set: ",
        ),
        (
            {"signature": "two", "a": SMALL, "b": INTS, "outputs": ["sum", "none"]},
            "output tensor alias not found in signature: none "
            "Outputs expected to be in the set {product,sum}.",
        ),
        (
            {"signature": "two", "a": SMALL, "b": INTS, "outputs": ["sum", "sum"]},
            "duplicate output tensor alias: sum",
        ),
        ({"signature": "__saved_model_init_op"}, 'Signature "__saved_model_init_op" cannot be run.'),
    ],
)
def test_inputs_and_outputs_must_be_the_signatures(client, call, said):
    assert client.refusal(**call) == (StatusCode.INVALID_ARGUMENT, said)


def test_a_wrong_dtype_is_refused_by_tensorflow(client):
    code, said = client.refusal(x=X.astype(np.float64))
    assert code == StatusCode.INVALID_ARGUMENT
    assert "float" in said
    assert "double" in said


def test_a_tensor_that_is_none_is_refused_with_the_place(client):
    request = client.request(x=X)
    request.inputs["x"].tensor_content = b"123"
    with pytest.raises(grpc.RpcError) as caught:
        client.prediction.Predict(request)
    assert caught.value.code() == StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        "tensor parsing error: x: tensor_content has 3 bytes; shape [3, 1] of DT_FLOAT needs 12"
    )


def test_errors_of_the_run_keep_tensorflows_code(client):
    code, said = client.refusal("fail", x=SMALL)
    assert code == StatusCode.INVALID_ARGUMENT
    assert "indices = 5 is not in [0, 2)" in said
    assert "Traceback" not in said
    assert ".py" not in said


def test_a_huge_output_filter_is_refused_and_the_server_goes_on(client):
    code, _ = client.refusal(x=X, outputs=[f"name{number}" for number in range(100_000)])
    assert code == StatusCode.INVALID_ARGUMENT
    assert client.outputs(x=X)["y"].shape == (3, 1)


def test_refusals_that_repeat_a_huge_name_still_arrive(client):
    code, said = client.refusal("ü" * 1_000_000, x=X)
    assert code == StatusCode.FAILED_PRECONDITION
    assert said.startswith('Serving signature key "üüü')
    assert said.endswith("...")
    code, said = client.refusal(**{f"name{number}": X for number in range(10_000)})
    assert code == StatusCode.INVALID_ARGUMENT
    assert said.startswith("input size does not match signature: 10000!=1")


def test_a_message_over_the_limit_is_refused_and_the_server_goes_on(client):
    code, _ = client.refusal(x=np.zeros((2**24 + 1, 1), np.float32))
    assert code == StatusCode.RESOURCE_EXHAUSTED
    assert client.outputs(x=X)["y"].shape == (3, 1)


def test_bytes_that_are_no_message_do_no_harm(server):
    raw = server.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        raw(b"\xff\xff\xff\xff")
    assert caught.value.code() == StatusCode.INTERNAL
    assert caught.value.details() == "Error parsing tensorflow.serving.PredictRequest"
    assert Client(server.channel, "slim").outputs(x=X)["y"].shape == (3, 1)


def test_two_models_answer_at_the_same_time(client):
    with ThreadPoolExecutor(8) as callers:
        slow = [
            callers.submit(client.outputs, model="slow", steps=np.array([2000 + n], np.int32))
            for n in range(20)
        ]
        quick = [callers.submit(client.outputs, x=np.full((1, 1), n, np.float32)) for n in range(60)]
        assert [call.result()["done"].item() for call in slow] == [2000 + n for n in range(20)]
        assert [call.result()["y"].item() for call in quick] == [n / 2 + 3 for n in range(60)]


def test_a_request_that_expired_while_it_waited_is_not_run(server):
    client = Client(server.channel, "slim")
    before = client.outputs("count", version=1)["calls"].item()
    with ThreadPoolExecutor(40) as callers:
        busy = [
            callers.submit(client.outputs, model="slow", steps=np.array([20_000], np.int32))
            for _ in range(40)
        ]
        code, _ = client.refusal("count", version=1, timeout=0.05)
        assert [call.result()["done"].item() for call in busy] == [20_000] * 40
    assert code == StatusCode.DEADLINE_EXCEEDED
    assert client.outputs("count", version=1)["calls"] == before + 1


def test_warm_up_ran_before_the_version_was_available(server):
    calls = Client(server.channel, "slim").outputs("count", version=123)["calls"].item()
    assert calls > 3
    assert "by 4 requests" in server.log.read_text()


def test_packed_answers_by_flag(models, tmp_path):
    flags = [f"--model_base_path={models / 'arithmetic'}", "--model_name", "one"]
    with serve(tmp_path, *flags, "--enable_serialization_as_tensor_content") as packing:
        response = Client(packing.channel, "slim").predict(model="one", x=X)
    assert response.model_spec.version.value == 123
    assert response.outputs["y"].tensor_content == (X / 2 + 3).tobytes()
    assert not response.outputs["y"].float_val


@pytest.mark.parametrize(
    ("messages", "stubs"),
    [(get_model_metadata_pb2, "official"), (slim_metadata, "slim")],
    ids=["official", "slim"],
)
def test_metadata_lists_the_signatures(server, messages, stubs):
    stub = Client(server.channel, stubs).prediction
    request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "arithmetic"
    response = stub.GetModelMetadata(request)
    signatures = messages.SignatureDefMap.FromString(response.metadata["signature_def"].value).signature_def
    assert (
        response.metadata["signature_def"].type_url
        == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    )
    assert response.model_spec.version.value == 123
    assert response.model_spec.signature_name == ""
    assert {"serving_default", "two", "text", "spec", "__saved_model_init_op"} <= set(signatures)
    x = signatures["serving_default"].inputs["x"]
    assert (x.dtype, [dim.size for dim in x.tensor_shape.dim]) == (1, [-1, 1])
    assert signatures["two"].inputs["b"].dtype == 3


@pytest.mark.parametrize(
    ("name", "fields", "code", "said"),
    [
        (None, ["signature_def"], StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (
            "arithmetic",
            [],
            StatusCode.INVALID_ARGUMENT,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        ("arithmetic", ["weights"], StatusCode.INVALID_ARGUMENT, "Metadata field weights is not supported"),
        ("none", ["signature_def"], StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"),
    ],
)
def test_metadata_that_cannot_be_told(server, name, fields, code, said):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if name is not None:
        request.model_spec.name = name
    with pytest.raises(grpc.RpcError) as caught:
        Client(server.channel, "official").prediction.GetModelMetadata(request)
    assert (caught.value.code(), caught.value.details()) == (code, said)


@pytest.mark.parametrize(
    ("messages", "stubs"),
    [(get_model_status_pb2, "official"), (slim_status, "slim")],
    ids=["official", "slim"],
)
def test_status_lists_the_versions(server, messages, stubs):
    stub = Client(server.channel, stubs).models
    request = messages.GetModelStatusRequest()
    request.model_spec.name = "arithmetic"
    listed = stub.GetModelStatus(request).model_version_status
    assert [(status.version, status.state, status.status.error_code) for status in listed] == [
        (1, 30, 0),
        (123, 30, 0),
    ]
    request.model_spec.version.value = 1
    assert [status.version for status in stub.GetModelStatus(request).model_version_status] == [1]


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        (None, StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (("none", None), StatusCode.NOT_FOUND, "Could not find any versions of model none"),
        (("arithmetic", 7), StatusCode.NOT_FOUND, "Could not find version 7 of model arithmetic"),
    ],
)
def test_status_of_what_is_not_there(server, spec, code, said):
    request = get_model_status_pb2.GetModelStatusRequest()
    if spec:
        request.model_spec.name = spec[0]
        if spec[1] is not None:
            request.model_spec.version.value = spec[1]
    with pytest.raises(grpc.RpcError) as caught:
        Client(server.channel, "official").models.GetModelStatus(request)
    assert (caught.value.code(), caught.value.details()) == (code, said)


def test_a_request_of_the_official_helper_is_understood(server):
    import tensorflow as tf

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "arithmetic"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0], [2.0]]))
    response = Client(server.channel, "official").prediction.Predict(request)
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), [[3.5], [4.0]])
    encode(np.ones((1, 1), np.float32), request.inputs["x"], packed=False)
    assert Client(server.channel, "official").prediction.Predict(request).outputs["y"].float_val[:] == [3.5]
