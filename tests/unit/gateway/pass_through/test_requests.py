"""What of TensorFlow Serving's requests is passed through, and what never reaches a model server."""

from dataclasses import replace

import grpc
import numpy as np
import pytest

from pipelines.spec import SIGNATURE
from services.core import tensors
from services.core.errors import (
    DeadlineError,
    InvalidRequestError,
    ModelNotFoundError,
    ModelUnavailableError,
    NotServedError,
    RefusedError,
    ServiceError,
    TooLargeError,
)
from tests.unit.gateway.pass_through.requests import (
    ANSWER,
    MOST_BYTES,
    naming,
    predict_request,
    renamed,
    shaped,
)
from wattgate.tfserving.methods import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1 import get_model_metadata_pb2, get_model_status_pb2, predict_pb2


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("signature", "batches"),
    [("compiled", (1, 8, 32)), ("serving_default", (1, 2, 31, 32)), ("", (1, 5, 32))],
)
async def test_a_request_that_fits_is_forwarded_to_the_byte(call, server, signature, batches, packed):
    for batch in batches:
        request = predict_request(batch, signature=signature, packed=packed, filters=["forecast"])
        # As no serialiser of ours would write it: the fields the other way round.
        raw = b"".join(
            predict_pb2.PredictRequest(**{name: value}).SerializeToString()
            for name, value in (
                ("output_filter", request.output_filter),
                ("inputs", request.inputs),
                ("model_spec", request.model_spec),
            )
        )
        assert raw != request.SerializeToString()
        assert await call(PREDICT, raw) == ANSWER
        assert server.forwarded.pop()[:2] == (PREDICT, raw)


async def test_a_value_that_repeats_may_be_left_out_and_versions_and_labels_be_named(call, server):
    repeated = shaped(8, 672, 7, float_val=[0.5])
    repeated.model_spec.version.value = 3
    labelled = predict_request()
    labelled.model_spec.version_label = "stable"
    labelled.client_id = b"me"
    for request in (repeated, labelled):
        assert await call(PREDICT, request.SerializeToString()) == ANSWER
    assert len(server.forwarded) == 2


async def test_where_a_version_is_labelled_stable_a_request_that_names_none_gets_that_one(
    call, server, gateway
):
    gateway.models._become(replace(gateway.models.state("gru"), is_labelled=True))
    named = predict_request()
    named.model_spec.version.value = 3
    for request, expected in ((predict_request(), "stable"), (named, 3)):
        raw = request.SerializeToString()
        assert await call(PREDICT, raw) == ANSWER
        sent = server.forwarded.pop()[1]
        assert sent.startswith(raw)
        spec = predict_pb2.PredictRequest.FromString(sent).model_spec
        assert (spec.version_label or spec.version.value) == expected
        assert (spec.name, spec.signature_name) == (
            request.model_spec.name,
            request.model_spec.signature_name,
        )


async def test_the_forecast_spec_can_be_asked_for(call, server):
    request = predict_pb2.PredictRequest(output_filter=[SIGNATURE])
    request.model_spec.name, request.model_spec.signature_name = "gru", SIGNATURE
    assert await call(PREDICT, request.SerializeToString()) == ANSWER
    tensors.encode(np.zeros((1, 672, 7), np.float32), request.inputs["window"], packed=True)
    with pytest.raises(InvalidRequestError, match=r"1!=0 .*Sent extra: \{window\}"):
        await call(PREDICT, request.SerializeToString())
    assert len(server.forwarded) == 1


HUGE = 2**62
UNFIT = {
    "another dtype": predict_request(dtype=2),
    "no dtype": predict_request(dtype=0),
    "an unknown dtype": predict_request(dtype=1000),
    "no dimensions": shaped(tensor_content=b"\0" * 4),
    "a rank too low": shaped(672, 7, tensor_content=b"\0" * 4 * 672 * 7),
    "a rank too high": shaped(1, 1, 672, 7, tensor_content=b"\0" * 4 * 672 * 7),
    "300 dimensions": shaped(*[1] * 300, float_val=[1.0]),
    "another window": shaped(1, 671, 7, tensor_content=b"\0" * 4 * 671 * 7),
    "the window turned": shaped(1, 7, 672, tensor_content=b"\0" * 4 * 671 * 7),
    "no windows": shaped(0, 672, 7, float_val=[1.0]),
    "minus one window": shaped(-1, 672, 7, float_val=[1.0]),
    "more windows than in any batch": shaped(33, 672, 7, float_val=[1.0]),
    "a size nothing was compiled for": shaped(2, 672, 7, float_val=[1.0]),
    "dimensions that overflow": shaped(HUGE, HUGE, HUGE, float_val=[1.0]),
    "windows that overflow": shaped(HUGE, 672, 7, float_val=[1.0]),
    "a byte too few": predict_request(tensor_content=b"\0" * (4 * 672 * 7 - 1)),
    "a byte too many": predict_request(tensor_content=b"\0" * (4 * 672 * 7 + 1)),
    "a value too many": shaped(1, 672, 7, float_val=[1.0] * (672 * 7 + 1)),
    "no value": shaped(1, 672, 7),
    "values twice": shaped(1, 672, 7, tensor_content=b"\0" * 4 * 672 * 7, float_val=[1.0]),
    "values of another type": shaped(1, 672, 7, int_val=[1]),
    "strings beside": shaped(1, 672, 7, float_val=[1.0], string_val=[b"x"]),
}
UNKNOWN_RANK = shaped(1, 672, 7, float_val=[1.0])
UNKNOWN_RANK.inputs["window"].tensor_shape.unknown_rank = True
UNFIT["an unknown rank"] = UNKNOWN_RANK


@pytest.mark.parametrize("fault", UNFIT)
async def test_a_tensor_that_does_not_fit_never_reaches_a_model_server(call, server, fault):
    with pytest.raises(InvalidRequestError, match=r"^input window "):
        await call(PREDICT, UNFIT[fault].SerializeToString())
    assert server.forwarded == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "0!=1 len({}) != len({window}). Sent extra: {}. Missing but required: {window}."),
        (("x",), "1!=1 len({x}) != len({window}). Sent extra: {x}. Missing but required: {window}."),
        (
            ("x", "y"),
            "2!=1 len({x, y}) != len({window}). Sent extra: {x, y}. Missing but required: {window}.",
        ),
    ],
)
async def test_other_inputs_are_refused_in_the_model_servers_words(call, server, names, said):
    with pytest.raises(InvalidRequestError) as caught:
        await call(PREDICT, renamed(*names).SerializeToString())
    assert str(caught.value) == f"input size does not match signature: {said}"
    assert server.forwarded == []


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            ["x"],
            "output tensor alias not found in signature: x Outputs expected to be in the set {forecast}.",
        ),
        (["forecast", "x"], "output tensor alias not found in signature: x"),
        (["forecast", "forecast"], "duplicate output tensor alias: forecast"),
        ([f"o{i}" for i in range(100_000)], "output tensor alias not found in signature: o0"),
    ],
)
async def test_outputs_that_are_not_the_models_are_refused(call, server, filters, said):
    with pytest.raises(InvalidRequestError) as caught:
        await call(PREDICT, predict_request(filters=filters).SerializeToString())
    assert str(caught.value).startswith(said)
    assert server.forwarded == []


@pytest.mark.parametrize("signature", ["other", "x" * 10_000, "forecast"])
async def test_signatures_that_do_not_forecast_are_not_found(call, server, signature):
    with pytest.raises(RefusedError) as caught:
        await call(PREDICT, predict_request(signature=signature).SerializeToString())
    assert caught.value.grpc is grpc.StatusCode.FAILED_PRECONDITION
    assert str(caught.value) == f'Serving signature key "{signature[:64]}" not found.'
    assert server.forwarded == []


@pytest.mark.parametrize(
    ("method", "kind", "said"),
    [
        (PREDICT, predict_pb2.PredictRequest, "Servable not found for request: {}"),
        (
            GET_MODEL_METADATA,
            get_model_metadata_pb2.GetModelMetadataRequest,
            "Servable not found for request: {}",
        ),
        (
            GET_MODEL_STATUS,
            get_model_status_pb2.GetModelStatusRequest,
            "Could not find any versions of model {name}",
        ),
    ],
)
@pytest.mark.parametrize(
    ("name", "version", "which"), [("lstm", None, "Latest(lstm)"), ("lstm", 7, "Specific(lstm, 7)")]
)
async def test_models_that_are_not_this_gateways_are_not_found(
    call, server, method, kind, said, name, version, which
):
    with pytest.raises(ModelNotFoundError) as caught:
        await call(method, naming(kind, name, version))
    assert str(caught.value) == said.format(which, name=name)
    assert server.forwarded == []


async def test_a_request_that_names_no_model_is_refused(call, server):
    with pytest.raises(InvalidRequestError, match=r"^ModelSpec has no name specified"):
        await call(PREDICT, b"")
    for method in (GET_MODEL_METADATA, GET_MODEL_STATUS):
        with pytest.raises(InvalidRequestError, match=r"^Missing ModelSpec$"):
            await call(method, b"")
        with pytest.raises(InvalidRequestError, match=r"^ModelSpec has no name specified"):
            await call(method, b"\x0a\x00")
    assert server.forwarded == []


async def test_a_model_of_which_nothing_is_known_yet_is_unavailable(call, server):
    with pytest.raises(ModelUnavailableError):
        await call(PREDICT, predict_request(model="cnn").SerializeToString())
    assert server.forwarded == []


@pytest.mark.parametrize(
    "method",
    [
        "/tensorflow.serving.PredictionService/Classify",
        "/tensorflow.serving.PredictionService/Regress",
        "/tensorflow.serving.PredictionService/MultiInference",
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
    ],
)
async def test_what_changes_or_was_never_asked_for_is_not_served(call, server, method):
    with pytest.raises(NotServedError):
        await call(method, b"\x0a\x00")
    assert server.forwarded == []


async def test_questions_are_forwarded_and_answered_to_the_byte(call, server):
    for method, kind in (
        (GET_MODEL_METADATA, get_model_metadata_pb2.GetModelMetadataRequest),
        (GET_MODEL_STATUS, get_model_status_pb2.GetModelStatusRequest),
    ):
        raw = naming(kind, "gru")
        status = get_model_status_pb2.GetModelStatusResponse()
        status.model_version_status.add(version=1, state=30).status.SetInParent()
        server.answer = status.SerializeToString()
        assert await call(method, raw) == server.answer
        assert server.forwarded.pop()[:2] == (method, raw)


async def test_a_status_shows_no_paths_and_is_else_as_it_came(call, server):
    status = get_model_status_pb2.GetModelStatusResponse()
    for version, words in ((1, ""), (2, "out of memory"), (3, "cannot read /srv/models/gru/3")):
        status.model_version_status.add(version=version, state=30).status.error_message = words
    server.answer = status.SerializeToString()
    answer = await call(GET_MODEL_STATUS, naming(get_model_status_pb2.GetModelStatusRequest, "gru"))
    found = get_model_status_pb2.GetModelStatusResponse.FromString(answer)
    assert [each.status.error_message for each in found.model_version_status][:2] == ["", "out of memory"]
    assert b"/srv" not in answer
    assert [each.version for each in found.model_version_status] == [1, 2, 3]
    server.answer = b"\xff"
    with pytest.raises(ServiceError, match="cannot be read"):
        await call(GET_MODEL_STATUS, naming(get_model_status_pb2.GetModelStatusRequest, "gru"))


async def test_messages_have_limits(call, server):
    raw = predict_request().SerializeToString()
    # An empty name is no output; what counts is how far it gets.
    await_too_large = raw + b"\x1a\x00" * ((MOST_BYTES - len(raw)) // 2 + 1)
    with pytest.raises(TooLargeError, match="1,048,576 is the limit"):
        await call(PREDICT, await_too_large)
    with pytest.raises(InvalidRequestError, match="alias"):
        await call(PREDICT, await_too_large[:MOST_BYTES])
    for method in (GET_MODEL_METADATA, GET_MODEL_STATUS):
        with pytest.raises(TooLargeError):
            await call(method, b"\x0a\x00" * (32 * 1024 + 1))
    assert server.forwarded == []


def field(number, content):
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def tensor(more=b"", *, more_of_shape=b""):
    """A message whose tensor fits, but for what more it has."""
    shape = b"".join(field(2, b"\x08" + size) for size in (b"\x01", b"\xa0\x05", b"\x07")) + more_of_shape
    fields = b"\x08\x01" + field(2, shape) + field(5, b"\0\0\0\0") + more
    return field(2, field(1, b"window") + field(2, fields))


NAMED = field(1, field(1, b"gru"))


@pytest.mark.parametrize(
    "raw",
    [
        NAMED + tensor() + field(7, b""),  # request_options of PredictRequest
        NAMED + tensor() + field(1, field(15, b"x")),  # nothing of ModelSpec
        NAMED + tensor() + field(1, field(2, field(15, b"x"))),  # nothing of Int64Value
        NAMED + tensor(field(15, b"x")),  # variant_val, which can be nested
        NAMED + tensor(more_of_shape=field(9, b"")),  # nothing of TensorShapeProto
    ],
)
async def test_fields_that_nobody_looks_at_here_are_not_passed_through(call, server, raw):
    with pytest.raises(InvalidRequestError, match="not passed through"):
        await call(PREDICT, raw)
    assert server.forwarded == []
    assert await call(PREDICT, NAMED + tensor()) == ANSWER


async def test_a_deadline_travels_on_less_a_margin_or_is_refused(call, server):
    raw = predict_request().SerializeToString()
    status = naming(get_model_status_pb2.GetModelStatusRequest, "gru")
    server.answer = b""
    for method, request in ((PREDICT, raw), (GET_MODEL_STATUS, status)):
        for given_s, longest_s in ((None, 3.0), (60, 3.0), (1, 1)):
            await call(method, request, left_s=given_s)
            timeout_s = server.forwarded.pop()[2]
            assert longest_s - 0.5 < timeout_s <= longest_s - 0.02
        with pytest.raises(DeadlineError):
            await call(method, request, left_s=0.099)
    assert server.forwarded == []
