"""Classify and regress in JSON: `examples` and `context` -> Input, and the results."""

import json
import math
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from services.serving.json_document import format_error, is_base64, type_name
from services.serving.json_tensors import decoded, lossy_error, to_json
from services.serving.status import StatusError, invalid

_INT64 = np.iinfo(np.int64)
_UINT64 = np.iinfo(np.uint64)
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read(document: dict[str, Any]) -> Input:
    """The examples of a request, with the context where it gives one.

    Raises StatusError INVALID_ARGUMENT where it gives no examples or something is no example.
    """
    sent = Input()
    examples = sent.example_list.examples
    if "context" in document:
        _read_example(document["context"], sent.example_list_with_context.context)
        examples = sent.example_list_with_context.examples
    if "examples" not in document:
        raise format_error(document, "When method is classify, key 'examples' is expected and was not found")
    listed = document["examples"]
    if not isinstance(listed, list):
        raise format_error(document, "Expecting 'examples' value to be an list/array")
    if not listed:
        raise format_error(document, "'examples' value is an empty array")
    for example in listed:
        _read_example(example, examples.add())
    return sent


def write_classifications(result: ClassificationResult) -> str:
    """`{"results": [[["label", score], ...], ...]}`, a list for each example."""
    rows = [
        [[one.label, _score(one.score)] for one in classifications.classes]
        for classifications in result.classifications
    ]
    return json.dumps({"results": rows})


def write_regressions(result: RegressionResult) -> str:
    """`{"results": [value, ...]}`, one for each example."""
    return json.dumps({"results": [_score(one.value) for one in result.regressions]})


def _score(value: float) -> Any:
    return to_json("", np.array(value, np.float32))


def _read_example(value: Any, into: Example) -> None:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    for name, content in value.items():
        feature = into.features.feature[name]
        for element in content if isinstance(content, list) else [content]:
            _append(element, name, feature)


def _append(element: Any, name: str, feature: Feature) -> None:
    match element:
        case bool():
            _of_kind(feature, "int64_list", name).append(int(element))
        case str():
            _of_kind(feature, "bytes_list", name).append(element.encode())
        case dict() if is_base64(element):
            _of_kind(feature, "bytes_list", name).append(decoded(element))
        case int() if _INT64.min <= element <= _UINT64.max:
            values = _of_kind(feature, "int64_list", name)
            if element > _INT64.max:
                raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
            values.append(element)
        case float() | int():  # an integer beyond 64 bits counts as a float
            values = _of_kind(feature, "float_list", name)
            if not _fits_float(element):
                raise lossy_error(element, "float")
            values.append(element)
        case _:
            raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(element)}")


def _fits_float(value: float) -> bool:
    largest = float(np.finfo(np.float32).max)
    if isinstance(value, int):
        return abs(value) <= int(largest)
    return not math.isfinite(value) or abs(value) <= largest


def _of_kind(feature: Feature, kind: str, name: str) -> Any:
    """The values of a feature that has none yet, or only such."""
    present = feature.WhichOneof("kind")
    if present not in {None, kind}:
        raise _mixed(name, present)
    return getattr(feature, kind).value


def _mixed(name: str, present: str) -> StatusError:
    return invalid(f"Unexpected element type in feature: {name} expecting type: {_KINDS[present]}")
