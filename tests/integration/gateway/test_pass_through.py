"""TensorFlow Serving's own clients at the gateway's door: as against the model server, with a token."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipelines.spec import SIGNATURE, ForecastSpec

ENOUGH_S = 30
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def direct(running):
    """A channel to the model server itself."""
    with grpc.insecure_channel(running.demo["model_server"]) as channel:
        yield channel


@pytest.fixture(params=["serving_default", "compiled"])
def signature(request):
    return request.param


def window(batch=1):
    return np.random.default_rng(batch).standard_normal((batch, 672, 7)).astype(np.float32)


def predict_request(model="gru", signature="", batch=1, *, packed=True):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if packed:
        request.inputs["window"].CopyFrom(tf.make_tensor_proto(window(batch)))
    else:
        tensor = request.inputs["window"]
        tensor.dtype = tf.float32.as_datatype_enum
        tensor.tensor_shape.CopyFrom(tf.TensorShape([batch, 672, 7]).as_proto())
        tensor.float_val.extend(window(batch).ravel())
    return request


def both(call, metadata, direct, running):
    """The answers of the gateway and of the model server to the same call."""
    return (
        call(running.channel, metadata=metadata, timeout=ENOUGH_S),
        call(direct, metadata=None, timeout=ENOUGH_S),
    )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("model", ["cnn", "gru"])
def test_predict_answers_what_the_model_server_answers(running, direct, metadata, model, signature, packed):
    for batch in (1, 8):
        request = predict_request(model, signature, batch, packed=packed)

        def call(channel, request=request, **options):
            return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, **options)

        through, straight = both(call, metadata, direct, running)
        assert through.model_spec == straight.model_spec
        assert through.model_spec.version.value == 1
        forecast = tf.make_ndarray(through.outputs["forecast"])
        assert forecast.shape == (batch, 8)
        np.testing.assert_allclose(forecast, tf.make_ndarray(straight.outputs["forecast"]), atol=1e-5)


def test_the_forecast_spec_comes_through(running, metadata):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "gru", SIGNATURE
    answer = prediction_service_pb2_grpc.PredictionServiceStub(running.channel).Predict(
        request, metadata=metadata, timeout=ENOUGH_S
    )
    assert ForecastSpec.model_validate_json(tf.make_ndarray(answer.outputs[SIGNATURE]).item()).horizon == 8


def test_metadata_and_status_are_what_the_model_server_says(running, direct, metadata):
    def get_metadata(channel, **options):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "cnn"
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.GetModelMetadata(request, **options)

    def get_status(channel, **options):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "cnn"
        return model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, **options)

    through, straight = both(get_metadata, metadata, direct, running)
    assert through == straight
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert through.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "compiled"} <= signatures.signature_def.keys()
    through, straight = both(get_status, metadata, direct, running)
    assert through == straight
    assert through.model_version_status[0].state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
