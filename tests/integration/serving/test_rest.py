"""The REST API: predict, status, metadata, errors and HTTP codes as TensorFlow Serving's."""

import json
import math
import re

import pytest
import requests

URL = "/v1/models/arithmetic:predict"


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        yield session


@pytest.fixture
def post(server, session):
    def call(body, path=URL):
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        response = session.post(server.rest_url + path, data=data, timeout=30)
        assert response.headers["content-type"] == "application/json"
        return response.status_code, response.json()

    return call


@pytest.fixture
def get(server, session):
    def call(path):
        response = session.get(server.rest_url + path, timeout=30)
        return response.status_code, response.json()

    return call


def test_rows_in_rows_out(post):
    assert post({"instances": [[1.0], [2], [5.0]]}) == (200, {"predictions": [[3.5], [4.0], [5.5]]})
    assert post({"instances": [[1.0]]}, "/v1/models/arithmetic/versions/1:predict") == (
        200,
        {"predictions": [[2.5]]},
    )
    assert post({"instances": [[1.0]]}, "/V1/Models/ar%69thmetic/Labels/st%61ble:predict")[1] == {
        "predictions": [[2.5]]
    }
    assert post({"instances": [{"x": [1.0]}]})[1] == {"predictions": [[3.5]]}


def test_several_inputs_and_outputs_are_objects(post):
    body = {"signature_name": "two", "instances": [{"a": 1.5, "b": 2}, {"a": 2, "b": 3}]}
    assert post(body) == (
        200,
        {"predictions": [{"product": 3.0, "sum": 3.5}, {"product": 6.0, "sum": 5.0}]},
    )


def test_columns_in_columns_out(post):
    assert post({"inputs": [[1.0], [2], [5.0]]}) == (200, {"outputs": [[3.5], [4.0], [5.5]]})
    assert post({"inputs": {"x": [[1.0]]}}, "/v1/models/arithmetic/versions/1:predict") == (
        200,
        {"outputs": [[2.5]]},
    )
    body = {"signature_name": "two", "inputs": {"a": [1.5, 2], "b": [2, 3], "more": "is not looked at"}}
    assert post(body) == (200, {"outputs": {"product": [3.0, 6.0], "sum": [3.5, 5.0]}})


def test_columns_may_be_scalars(post):
    assert post({"signature_name": "total", "inputs": [[1.0], [2.0]]}) == (200, {"outputs": 3.0})
    assert post({"inputs": 1}) == (200, {"outputs": 3.5})
    body = {"signature_name": "text", "inputs": {"b64": "AP8="}}
    assert post(body) == (200, {"outputs": {"raw_bytes": {"b64": "AP8="}, "shouted": "\x00\ufffd"}})


def test_columns_of_strings_and_bytes(post):
    body = {"signature_name": "text", "inputs": {"text": ["kw", {"b64": "AP8="}]}}
    assert post(body) == (
        200,
        {
            "outputs": {
                "raw_bytes": [{"b64": "a3c="}, {"b64": "AP8="}],
                "shouted": ["KW", "\x00\ufffd"],
            }
        },
    )


def test_strings_and_bytes(post):
    body = {"signature_name": "text", "instances": ["kw", {"b64": "AP8="}, "ü"]}
    status, answer = post(body)
    assert status == 200
    assert [row["shouted"] for row in answer["predictions"]] == ["KW", "\x00\ufffd", "ü"]
    assert [row["raw_bytes"] for row in answer["predictions"]] == [
        {"b64": "a3c="},
        {"b64": "AP8="},
        {"b64": "w7w="},
    ]


def test_floats_have_the_fewest_digits_that_read_back_the_same(post):
    assert post({"instances": [[0.2]]})[1] == {"predictions": [[3.1]]}


def test_what_is_not_finite_survives(post):
    status, answer = post('{"instances": [[NaN], [Infinity], [-Infinity]]}')
    assert status == 200
    assert math.isnan(answer["predictions"][0][0])
    assert answer["predictions"][1:] == [[math.inf], [-math.inf]]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("", 400, "JSON Parse error: The document is empty"),
        (" ", 400, "JSON Parse error: The document is empty. at offset: 1"),
        ("{", 400, "JSON Parse error: Missing a name for object member. at offset: 1"),
        ('{"ü" 1}', 400, "JSON Parse error: Missing a colon after a name of object member. at offset: 6"),
        ("instances = [1, 2]", 400, "JSON Parse error: Invalid value. at offset: 0"),
        ('{"a": }', 400, "JSON Parse error: Invalid value. at offset: 6"),
        ('{"a": 1 2}', 400, "JSON Parse error: Missing a comma or } after an object member. at offset: 8"),
        ('{"a": "b', 400, "JSON Parse error: Missing a closing quotation mark in string. at offset: 6"),
        ('{"a": "\\x"}', 400, "JSON Parse error: Invalid escape character in string. at offset: 7"),
        ('{"a": "\\u00g0"}', 400, "JSON Parse error: Incorrect hex digit after .u escape in string.*"),
        ('{"a": "\\ud800"}', 400, "JSON Parse error: The surrogate pair in string is invalid."),
        ('{"a": "\n"}', 400, "JSON Parse error: Invalid encoding in string. at offset: 7"),
        ("{} {}", 400, "JSON Parse error: The document root must not be followed by other values. at .*: 3"),
        ('{"instances": [1e400]}', 400, "JSON Parse error: Number too big to be stored in double."),
        ('{"a": 1}'.encode("utf-16"), 400, "JSON Parse error: Invalid encoding in string."),
        (b"\xff{}", 400, "JSON Parse error: Invalid encoding in string."),
        ("[" * 100_000, 400, "JSON Parse error: nested too deeply.*"),
        ('{"instances": ' + "[" * 900 + "]" * 900 + "}", 400, ".*lists are nested 899 deep; the limit is 63"),
        ("[" * 900 + "]" * 900, 400, r"JSON Value: \[\n    \[(.|\n)*\.\.\. Is not object"),
        (
            '{"instances": [' + "9" * 10_000 + "]}",
            400,
            "JSON Parse error: Number too big to be stored in double.",
        ),
        ("[1]", 400, r"JSON Value: \[\n    1\n\] Is not object"),
        ({}, 400, "Missing 'inputs' or 'instances' key"),
        (
            {"instances": [1], "inputs": [1]},
            400,
            ".*expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        (
            {"inputs": [1], "signature_name": "two"},
            400,
            "inputs is a plain value/list, but expecting an object as multiple "
            "input tensors required as per tensorinfo_map",
        ),
        (
            {"inputs": {"a": [1]}, "signature_name": "two"},
            400,
            "Missing named input: b in 'inputs' object.",
        ),
        ({"inputs": [1, "a"]}, 400, 'JSON Value: "a" Type: String is not of expected type: float'),
        ({"inputs": [1, [2]]}, 400, "Encountered list at unexpected level: 1 expected < 1"),
        (
            {"inputs": [[1], [1, 2]]},
            400,
            "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
        ({"inputs": None}, 400, "JSON Value: null Type: Null is not of expected type: float"),
        ({"inputs": {"x": {"b64": "AA=="}}}, 400, ".*Type: Object is not of expected type: float"),
        ({"inputs": {"b64": "?"}, "signature_name": "text"}, 400, "Unable to base64 decode"),
        ('{"inputs": ' + "[" * 900 + "]" * 900 + "}", 400, "lists are nested 900 deep; the limit is 63"),
        ({"instances": 1}, 400, ".*Excepting 'instances' to be an list/array"),
        ({"instances": []}, 400, ".*No values in 'instances' array"),
        ({"instances": [1], "signature_name": 1}, 400, ".*'signature_name' key must be a string value."),
        (
            {"instances": [1], "signature_name": "none"},
            400,
            'Serving signature name: "none" not found in signature def',
        ),
        ({"instances": [1], "signature_name": "spec"}, 400, "Failed to get input map for signature: spec"),
        (
            {"instances": [[1], ["a"]]},
            400,
            'Failed to process element: 1 of .instances. list. Error: INVALID_ARGUMENT: JSON Value: "a" '
            "Type: String is not of expected type: float",
        ),
        ({"instances": [[None]]}, 400, ".*JSON Value: null Type: Null is not of expected type: float"),
        ({"instances": [[True]]}, 400, ".*JSON Value: true Type: True is not of expected type: float"),
        ({"instances": [[1.5], [True]]}, 400, ".*element: 1 of .* Type: True is not of expected type: float"),
        (
            {"instances": [[1e39]]},
            400,
            ".*Cannot convert JSON value: 1e\\+39 to float without loss of precision.",
        ),
        ({"instances": [[2**25 + 1]]}, 400, ".*Cannot convert JSON value: 33554433 to float without loss.*"),
        ({"instances": [[1], [1, 2]]}, 400, ".*Expecting tensor size: 1 but got: 2"),
        ({"instances": [[1], [[1]]]}, 400, r".*Expecting shape \[1\] but got: \[1,1\]"),
        ({"instances": [[[1], 2]]}, 400, ".*JSON Value: 2 found at incorrect level: 2 in the JSON DOM.*"),
        (
            {"instances": [[[1], [1, 2]]]},
            400,
            ".*Encountered list at unexpected size: 2 at level: 1 expected size: 1",
        ),
        ({"instances": [[1, [2]]]}, 400, ".*Encountered list at unexpected level: 1 expected < 1"),
        ({"instances": [{"x": [1]}, [1]]}, 400, "Expecting object but got list at item 1 of input list"),
        (
            {"instances": [[1], {"x": [1]}]},
            400,
            "Expecting value/list but got object at item 1 of input list",
        ),
        (
            {"instances": [{"y": [1]}]},
            400,
            "Failed to process element: 0 key: y of 'instances' list. "
            "Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
        ),
        (
            {"instances": [{"a": 1}], "signature_name": "two"},
            400,
            "Failed to process element: 0 of 'instances' list. JSON object: .* keys must be equal to: a,b",
        ),
        ({"instances": [[1, 2], [1]]}, 400, ".*: 1 of .*Expecting tensor size: 2 but got: 1"),
        (
            {"instances": [1], "signature_name": "two"},
            400,
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map",
        ),
        (
            {"instances": [{"a": 1, "b": 1.5}], "signature_name": "two"},
            400,
            ".*0 key: b of .* JSON Value: 1.5 Type: Number is not of expected type: int32",
        ),
        (
            {"instances": [{"a": 1, "b": 2**31}], "signature_name": "two"},
            400,
            ".*not of expected type: int32",
        ),
        ({"instances": [1], "signature_name": "text"}, 400, ".*Type: Number is not of expected type: string"),
        ({"instances": [{"b64": "?"}], "signature_name": "text"}, 400, ".*Unable to base64 decode"),
        (
            {"instances": [[{"b": 1}]], "signature_name": "text"},
            400,
            ".*not formatted correctly for base64 data",
        ),
        (
            {"instances": [[1.0]], "signature_name": "total"},
            400,
            "Tensor name: total has no shape information ",
        ),
    ],
)
def test_bad_bodies_are_told_what_is_wrong(post, body, status, said):
    code, answer = post(body)
    assert code == status
    assert re.fullmatch(said, answer["error"], re.DOTALL)
    assert post({"instances": [[1.0]]})[0] == 200


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/models/none:predict", 404, "Servable not found for request: Latest(none)"),
        (
            "/v1/models/arithmetic/versions/7:predict",
            404,
            "Servable not found for request: Specific(arithmetic, 7)",
        ),
        (
            "/v1/models/arithmetic/versions/99999999999999999999:predict",
            400,
            "Failed to convert version: 99999999999999999999 to numeric.",
        ),
        ("/v1/models/arithmetic/labels/x:predict", 400, "Unrecognized servable version label: x"),
        ("/v1/models/arithmetic:train", 400, "Malformed request: POST /v1/models/arithmetic:train"),
        (
            "/v1/models/arithmetic:PREDICT",
            400,
            "Malformed request: POST /v1/models/arithmetic:PREDICT",
        ),
        (
            "/v1/models/a/versions/HELLO:regress",
            400,
            "Malformed request: POST /v1/models/a/versions/HELLO:regress",
        ),
        ("/v1/models/a/version/50:regress", 400, "Malformed request: POST /v1/models/a/version/50:regress"),
        ("/v1/models/arithmetic/metadata", 400, "Malformed request: POST /v1/models/arithmetic/metadata"),
        ("/v1/models", 400, "Malformed request: POST /v1/models"),
        ("/v1/models/no%20ne:predict", 404, "Servable not found for request: Latest(no ne)"),
        ("/v1/models/a%20b:train", 400, "Malformed request: POST /v1/models/a%20b:train"),
        (
            "/v1/models/arithmetic/versions/1/labels/stable:predict",
            400,
            "Malformed request: POST /v1/models/arithmetic/versions/1/labels/stable:predict",
        ),
        ("/elsewhere", 400, "Malformed request: POST /elsewhere"),
    ],
)
def test_paths_that_lead_nowhere(post, path, status, said):
    assert post({"instances": [[1.0]]}, path) == (status, {"error": said})


def test_status(get):
    listed = [
        {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        for version in ("1", "123")
    ]
    assert get("/v1/models/arithmetic") == (200, {"model_version_status": listed})
    assert get("/v1/models/arithmetic/versions/1") == (200, {"model_version_status": listed[:1]})
    assert get("/v1/models/arithmetic/labels/stable") == (200, {"model_version_status": listed[:1]})
    assert get("/v1/models/arithmetic/labels/none") == (
        400,
        {"error": "Unrecognized servable version label: none"},
    )
    assert get("/v1/models/none") == (404, {"error": "Could not find any versions of model none"})
    assert get("/v1/models") == (400, {"error": "Missing model name in request."})
    assert get("/v1/models/arithmetic:predict") == (
        400,
        {"error": "Malformed request: GET /v1/models/arithmetic:predict"},
    )


@pytest.mark.parametrize(
    ("path", "version"),
    [("", "123"), ("/versions/1", "1"), ("/labels/stable", "1")],
)
def test_metadata(get, path, version):
    status, answer = get(f"/v1/models/arithmetic{path}/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "arithmetic", "signature_name": "", "version": version}
    assert answer["metadata"].keys() == {"signature_def"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["serving_default"]["defaults"] == {}
    assert signatures["serving_default"]["inputs"] == {
        "x": {
            "name": "serving_default_x:0",
            "dtype": "DT_FLOAT",
            "tensor_shape": {
                "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
                "unknown_rank": False,
            },
        }
    }


def test_metadata_of_what_is_not_there(get):
    assert get("/v1/models/none/metadata") == (404, {"error": "Servable not found for request: Latest(none)"})
    assert get("/v1/models/arithmetic/labels/none/metadata") == (
        400,
        {"error": "Unrecognized servable version label: none"},
    )


def test_a_body_of_millions_of_lists_is_refused(post):
    assert post("[" + "[]," * 2_000_000 + "1]") == (
        400,
        {"error": "JSON Parse error: more than 2000000 lists and objects"},
    )


def test_a_body_over_the_limit_is_refused(server):
    with requests.post(server.rest_url + URL, data=iter([b" " * 2**20] * 65), timeout=30) as response:
        assert response.status_code == 413
        assert "limit" in response.json()["error"]
