"""JSON <-> arrays and examples, value by value, without a server."""

import json
import math

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from services.serving import json_examples, json_predict
from services.serving.json_document import parse, quoted
from services.serving.json_tensors import to_array, to_batch, to_json
from services.serving.status import StatusError


def info(dtype):
    return TensorInfo(dtype=types_pb2.DataType.Value(f"DT_{dtype}"))


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("FLOAT", [1, 2.0, 5.003], np.array([1, 2, 5.003], np.float32)),
        ("FLOAT", [math.nan, -math.inf], np.array([math.nan, -math.inf], np.float32)),
        ("FLOAT", 2**24 - 1, np.array(2**24 - 1, np.float32)),
        ("FLOAT", [0, 1, 1.0, 2.0**30, 2**24 - 1], np.array([0, 1, 1, 2**30, 2**24 - 1], np.float32)),
        ("DOUBLE", [0.662, 0], np.array([0.662, 0])),
        ("HALF", [0.5], np.array([0.5], np.float16)),
        ("INT32", [[1, 2], [3, -4]], np.array([[1, 2], [3, -4]], np.int32)),
        ("INT64", [2**63 - 1, -(2**63)], np.array([2**63 - 1, -(2**63)])),
        ("UINT64", [2**64 - 1], np.array([2**64 - 1], np.uint64)),
        ("UINT8", [255], np.array([255], np.uint8)),
        ("BOOL", [True, False], np.array([True, False])),
        ("STRING", ["kW", {"b64": "AP8="}], np.array([b"kW", b"\x00\xff"], object)),
        ("STRING", "ü", np.array("ü".encode(), object)),
        ("FLOAT", [], np.zeros(0, np.float32)),
        ("STRING", [[], []], np.zeros((2, 0), object)),
    ],
)
def test_values_become_arrays(dtype, value, expected):
    array = to_array(value, info(dtype))
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("dtype", "value", "said"),
    [
        ("FLOAT", 2**24 + 1, "Cannot convert JSON value: 16777217 to float without loss of precision."),
        (
            "DOUBLE",
            2**53 + 1,
            "Cannot convert JSON value: 9007199254740993 to double without loss of precision.",
        ),
        ("FLOAT", 1.7e308, r"Cannot convert JSON value: 1.7e\+308 to float without loss of precision."),
        ("INT32", 1.0, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ("INT32", True, "JSON Value: true Type: True is not of expected type: int32"),
        ("FLOAT", [1, True], "JSON Value: true Type: True is not of expected type: float"),
        ("FLOAT", [[0.5, 1.0], [False, 0]], "JSON Value: false Type: False is not of expected type: float"),
        ("INT32", [[[1, 0]], [[7, False]]], "JSON Value: false Type: False is not of expected type: int32"),
        ("UINT8", [2, True], "JSON Value: true Type: True is not of expected type: uint8"),
        ("BOOL", [True, 0], "JSON Value: 0 Type: Number is not of expected type: bool"),
        (
            "FLOAT",
            [0.5, -(2**24)],
            "Cannot convert JSON value: -16777216 to float without loss of precision.",
        ),
        ("INT64", 2**63, "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
        ("UINT32", -1, "JSON Value: -1 Type: Number is not of expected type: uint32"),
        ("BOOL", 1, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("STRING", None, "JSON Value: null Type: Null is not of expected type: string"),
        ("FLOAT", {"a": 1}, "JSON Value: .* Type: Object is not of expected type: float"),
        ("STRING", {"b64": 1}, "JSON Value: .* not formatted correctly for base64 data"),
        ("STRING", {"b64": "AA"}, "Unable to base64 decode"),
        ("COMPLEX64", 1, "Conversion of JSON Value: 1 to type: complex64"),
        ("FLOAT", [[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected .*: 2"),
    ],
)
def test_values_that_fit_no_array(dtype, value, said):
    with pytest.raises(StatusError, match=f"(?s)^{said}$"):
        to_array(value, info(dtype))


def test_instances_are_batched_and_named_in_errors():
    assert to_batch([[1, 2], [3, 4]], info("FLOAT")).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(
        StatusError, match=r"^Failed to process element: 1 of 'instances' list. Error: INVALID"
    ):
        to_batch([1, [1]], info("FLOAT"))
    with pytest.raises(StatusError, match=r"element: 1 key: load of .* Expecting shape \[\] but got: \[1\]"):
        to_batch([1, [1]], info("FLOAT"), "load")
    with pytest.raises(
        StatusError, match=r"^Failed to process element: 1 .* JSON Value: true Type: True is not"
    ):
        to_batch([[0.5, 1.0], [0.5, True]], info("FLOAT"))


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("y", np.array([0.2, 9e6, 3e-5], np.float32), [0.2, 9e6, 3e-5]),
        ("y", np.array(0.1, np.float16), 0.1),
        ("y", np.array([-math.inf, math.inf]), [-math.inf, math.inf]),
        ("y", np.array([[2**64 - 1]], np.uint64), [[2**64 - 1]]),
        ("y", np.array([True]), [True]),
        ("y", np.array([b"kW", b"\xff"], object), ["kW", "\ufffd"]),
        ("y_bytes", np.array([b"hello"], object), [{"b64": "aGVsbG8="}]),
    ],
)
def test_arrays_become_values(name, array, expected):
    assert to_json(name, array) == expected


def test_an_array_json_has_no_form_of():
    with pytest.raises(StatusError, match="Failed to write JSON value for tensor type: complex64"):
        to_json("y", np.array([1j], np.complex64))


def test_batches_of_nothing_are_answered_by_nothing():
    _, write = json_predict.read({"instances": [1]}, {"x": info("FLOAT")}, "")
    assert json.loads(write({"a": np.zeros((0, 2)), "b": np.zeros(0, object)})) == {"predictions": []}
    with pytest.raises(StatusError, match="Tensor name: b has inconsistent batch size: 1 expecting: 0"):
        write({"a": np.zeros((0, 2)), "b": np.zeros(1)})


def test_examples_have_features_of_each_kind():
    sent = json_examples.read(
        {
            "context": {"query": "pizza"},
            "examples": [
                {
                    "names": ["foo", {"b64": "aGVsbG8="}],
                    "ratings": [8.0, math.inf],
                    "age": 20,
                    "mixed": [1, True],
                }
            ],
        }
    )
    context = text_format.Parse(
        'features { feature { key: "query" value { bytes_list { value: "pizza" } } } }', Example()
    )
    example = text_format.Parse(
        """
        features {
          feature { key: "names" value { bytes_list { value: "foo" value: "hello" } } }
          feature { key: "ratings" value { float_list { value: 8 value: inf } } }
          feature { key: "age" value { int64_list { value: 20 } } }
          feature { key: "mixed" value { int64_list { value: 1 value: 1 } } }
        }
        """,
        Example(),
    )
    assert sent.example_list_with_context.context == context
    assert list(sent.example_list_with_context.examples) == [example]
    assert not sent.HasField("example_list")


@pytest.mark.parametrize(
    "body",
    [b'\xef\xbb\xbf{"a": "\\ud83d\\ude00 \xc3\xbc"}', '{"a": "😀 ü"}'.encode()],
    ids=["escaped", "plain"],
)
def test_a_byte_order_mark_and_surrogate_pairs_are_fine(body):
    assert parse(body) == {"a": "😀 ü"}


def test_infinity_may_be_short():
    assert parse(b'{"Inf": [Inf, -Inf, Infinity, "Inf \\" Inf", 1]}') == {
        "Inf": [math.inf, -math.inf, math.inf, 'Inf " Inf', 1]
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"a": [1, {"]": "[{"} 2]}', "Missing a comma or ] after an array element. at offset: 22"),
        ('{"a": [1, []] "b"', "Missing a comma or } after an object member. at offset: 14"),
        ('{"a": [Inf 1]}', "Missing a comma or ] after an array element. at offset: 16"),
        ('{"a": Info}', "Missing a comma or } after an object member. at offset: 14"),
        ('{"a": I}', "Invalid value. at offset: 6"),
        ('{"a": Inf, "b": "' + '\\"' * 100_000, "Missing a closing quotation mark in string. at offset: 21"),
    ],
    ids=["array", "object", "after short infinity", "no infinity", "no value", "a string without end"],
)
def test_where_the_parser_stops(body, said):
    with pytest.raises(StatusError) as caught:
        parse(body.encode())
    assert caught.value.message == f"JSON Parse error: {said}"


def test_an_error_quotes_the_start_only():
    assert quoted({"a": [1, None]}) == '{\n    "a": [\n        1,\n        null\n    ]\n}'
    assert len(quoted(["ü" * 10_000_000])) < 120
    assert len(quoted([[1.5] * 1000] * 1000)) < 120
