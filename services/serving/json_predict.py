"""Predict in JSON: the row format (`instances`, `predictions`) and the columnar one (`inputs`, `outputs`)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from services.serving.json_document import format_error, is_base64, quoted
from services.serving.json_tensors import to_array, to_batch, to_json
from services.serving.status import invalid

Inputs = Mapping[str, TensorInfo]
Arrays = Mapping[str, NDArray[Any]]


def read(document: dict[str, Any], inputs: Inputs, signature: str) -> tuple[Arrays, Callable[[Arrays], str]]:
    """The inputs of a request to `signature` (empty for the default), and what writes its outputs.

    Raises StatusError: INVALID_ARGUMENT where the request is of neither format or does not fit the inputs,
    UNIMPLEMENTED for a dtype JSON has no form of. The writer raises INVALID_ARGUMENT for outputs that do not
    fit the format.
    """
    if not inputs:
        raise invalid(f"Failed to get input map for signature: {signature or 'DEFAULT'}")
    if "instances" not in document:
        if "inputs" not in document:
            raise invalid("Missing 'inputs' or 'instances' key")
        return _columns(document["inputs"], inputs), _write_columns
    if "inputs" in document:
        raise format_error(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    instances = document["instances"]
    if not isinstance(instances, list):
        raise format_error(document, "Excepting 'instances' to be an list/array")
    if not instances:
        raise format_error(document, "No values in 'instances' array")
    return _rows(instances, inputs), _write_rows


def _columns(sent: Any, inputs: Inputs) -> Arrays:
    if not _is_named(sent):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        return {name: to_array(sent, info) for name, info in inputs.items()}
    for name in inputs:
        if name not in sent:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(sent[name], info) for name, info in inputs.items()}


def _rows(instances: list[Any], inputs: Inputs) -> Arrays:
    if not _is_named(instances[0]):
        if len(inputs) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple "
                "input tensors required as per tensorinfo_map"
            )
        for number, instance in enumerate(instances):
            if _is_named(instance):
                raise invalid(f"Expecting value/list but got object at item {number} of input list")
        return {name: to_batch(instances, info) for name, info in inputs.items()}
    for number, instance in enumerate(instances):
        if not _is_named(instance):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        for name in instance:
            if name not in inputs:
                raise invalid(
                    f"Failed to process element: {number} key: {name} of 'instances' list. "
                    f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {name}"
                )
        if len(instance) != len(inputs):
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. "
                f"JSON object: {quoted(instance)} keys must be equal to: {','.join(sorted(inputs))}"
            )
    return {
        name: to_batch([instance[name] for instance in instances], info, name)
        for name, info in inputs.items()
    }


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _write_rows(outputs: Arrays) -> str:
    """One element an instance, an object where there are several outputs."""
    size = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in {-1, len(array)}:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    values = {name: to_json(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        (predictions,) = values.values()
    else:
        predictions = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": predictions})


def _write_columns(outputs: Arrays) -> str:
    """Each output whole, by name where there are several."""
    values = {name: to_json(name, array) for name, array in outputs.items()}
    return json.dumps({"outputs": values if len(values) > 1 else next(iter(values.values()))})
