"""Classify and regress over REST: examples and context in, results out, errors as TensorFlow Serving's."""

import re

import pytest
import requests


@pytest.fixture
def post(examples_server):
    def call(body, verb):
        response = requests.post(
            f"{examples_server.rest_url}/v1/models/examples{verb}", json=body, timeout=30
        )
        assert response.headers["content-type"] == "application/json"
        return response.status_code, response.json()

    return call


def test_classify(post):
    body = {"signature_name": "classify", "examples": [{"x": 0.2}, {"x": [1.0]}]}
    results = [[["small", 0.2], ["large", -0.2]], [["small", 1.0], ["large", -1.0]]]
    assert post(body, ":classify") == (200, {"results": results})
    assert post(body, "/versions/5:classify") == (200, {"results": results})


def test_regress(post):
    assert post({"examples": [{"x": 4.0}, {}]}, ":regress") == (200, {"results": [4.0, 2.0]})
    body = {"signature_name": "regress", "context": {"x": 6.0}, "examples": [{}, {"x": 2.0}]}
    assert post(body, ":regress") == (200, {"results": [5.0, 3.0]})


def test_features_of_every_kind_pass(post):
    example = {
        "x": 4.0,
        "text": "kW",
        "bytes": [{"b64": "AP8="}, "b"],
        "number": [1, True],
        "no value": [],
        "big": [2**70, 1.5],
    }
    assert post({"examples": [example]}, ":regress") == (200, {"results": [4.0]})


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, 400, ".* Expecting 'examples' value to be an list/array"),
        ({"examples": []}, 400, ".* 'examples' value is an empty array"),
        ([], 400, r"JSON Value: \[\] Is not object"),
        ({"examples": [{}], "signature_name": 1}, 400, ".*'signature_name' key must be a string value."),
        ({"examples": [1]}, 400, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": None}, 400, "Example must be JSON object but got JSON Null"),
        ({"examples": [{"x": None}]}, 400, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, 400, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {"a": 1}}]}, 400, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [1, 1.5]}]}, 400, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": [1.5, "a"]}]}, 400, "Unexpected element type in feature: x .* type: float"),
        ({"examples": [{"x": ["a", True]}]}, 400, "Unexpected element type in feature: x .* type: bytes"),
        ({"examples": [{"x": {"b64": "?"}}]}, 400, "Unable to base64 decode"),
        ({"examples": [{"x": 2**63}]}, 400, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1e39}]}, 400, r"Cannot convert JSON value: 1e\+39 to float without loss .*"),
        ({"examples": [{}], "signature_name": "none"}, 400, "No signature was found with the name: none"),
        ({"examples": [{}], "signature_name": "misnamed_input"}, 400, "No .* inputs found in .*"),
        ({"examples": [{"x": "a"}]}, 400, ".*Data types don't match.*"),
    ],
)
@pytest.mark.parametrize("verb", [":classify", ":regress"])
def test_bad_bodies_are_told_what_is_wrong(post, verb, body, status, said):
    body = body if "signature_name" in body or not body else {**body, "signature_name": verb[1:]}
    code, answer = post(body, verb)
    assert code == status
    assert re.fullmatch(said, answer["error"], re.DOTALL)


def test_a_model_that_is_not_there(post):
    assert post({"examples": [{}]}, "/versions/9:regress") == (
        404,
        {"error": "Servable not found for request: Specific(examples, 9)"},
    )
