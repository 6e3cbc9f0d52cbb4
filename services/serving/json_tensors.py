"""JSON of TensorFlow Serving's REST API <-> arrays, in the row format."""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray
from tensorflow import as_dtype
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from services.core.tensors import MAX_RANK
from services.serving.status import StatusError, invalid

_JSON_TYPES = {dict: "Object", str: "String", int: "Number", float: "Number", type(None): "Null"}
_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}
_NUMPY_READS = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}
"""Kinds numpy may see in the JSON, by the kind of dtype wanted."""

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}
"""What a JSON value must be, by the kind of dtype wanted."""

MAX_QUOTED = 100
"""Characters of a caller's value that an error repeats."""


@dataclass(frozen=True)
class RowRequest:
    """A predict request in row format, its instances not yet read."""

    signature_name: str
    """Empty where the request names none."""
    instances: list[Any]

    def arrays(self, inputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
        """The instances as one batch for each input of the signature.

        Raises StatusError INVALID_ARGUMENT where they do not fit the inputs' names and types or each other.
        """
        if not inputs:
            raise invalid(f"Failed to get input map for signature: {self.signature_name or 'DEFAULT'}")
        if not _is_named(self.instances[0]):
            if len(inputs) > 1:
                raise invalid(
                    "instances is a plain list, but expecting list of objects as multiple "
                    "input tensors required as per tensorinfo_map"
                )
            for number, instance in enumerate(self.instances):
                if _is_named(instance):
                    raise invalid(f"Expecting value/list but got object at item {number} of input list")
            return {name: _array("", self.instances, _dtype(info)) for name, info in inputs.items()}
        for number, instance in enumerate(self.instances):
            if not _is_named(instance):
                raise invalid(f"Expecting object but got list at item {number} of input list")
            if instance.keys() != inputs.keys():
                raise invalid(
                    f"Failed to process element: {number} of 'instances' list. "
                    f"JSON object: {_quoted(instance)} keys must be equal to: {','.join(sorted(inputs))}"
                )
        return {
            name: _array(f" key: {name}", [instance[name] for instance in self.instances], _dtype(info))
            for name, info in inputs.items()
        }


def parse_row_request(body: bytes) -> RowRequest:
    """Read a request body.

    Raises StatusError: INVALID_ARGUMENT where it is not a request, UNIMPLEMENTED for the columnar format.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except UnicodeDecodeError:
        raise invalid("JSON Parse error: Invalid encoding in string.") from None
    except (RecursionError, ValueError):
        # ValueError: an integer of thousands of digits.
        raise invalid("JSON Parse error: nested too deeply, or a number too long") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_quoted(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_quoted(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    if "instances" not in document:
        if "inputs" in document:
            raise StatusError(StatusCode.UNIMPLEMENTED, "The columnar format ('inputs') is not served")
        raise invalid("Missing 'inputs' or 'instances' key")
    if "inputs" in document:
        raise invalid(
            f"JSON Value: {_quoted(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {_quoted(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {_quoted(document)} No values in 'instances' array")
    return RowRequest(name, instances)


def row_response(outputs: Mapping[str, NDArray[Any]]) -> str:
    """`{"predictions": [...]}`: one element an instance, an object where there are several outputs.

    Floats are written with the fewest digits that read back the same. Raises StatusError INVALID_ARGUMENT
    for outputs that are not batches of one size.
    """
    size = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in {-1, len(array)}:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    values = {name: _plain(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        (predictions,) = values.values()
    else:
        predictions = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": predictions})


def _dtype(info: TensorInfo) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(as_dtype(info.dtype).as_numpy_dtype)
    return dtype


def _is_named(instance: object) -> bool:
    return isinstance(instance, dict) and not _is_base64(instance)


def _is_base64(value: dict[str, Any]) -> bool:
    return len(value) == 1 and isinstance(value.get("b64"), str)


def _array(prefix: str, instances: list[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """One value an instance as a batch."""
    if dtype.kind in _NUMPY_READS:
        try:
            array = np.array(instances)
        except (ValueError, OverflowError):  # lists of different lengths, an integer of over 64 bits
            pass
        else:
            # One leniency towards TensorFlow Serving: a bool between numbers counts as 0 or 1.
            if array.dtype.kind in _NUMPY_READS[dtype.kind] and (not array.size or _all_fit(array, dtype)):
                return array.astype(dtype)
    return _value_by_value(prefix, instances, dtype)


def _all_fit(array: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "b":
        return True
    if array.dtype.kind == "f":
        finite = array[np.isfinite(array)]
        return not finite.size or bool(np.abs(finite).max() <= float(np.finfo(dtype).max))
    least, most = _integer_limits(dtype)
    return least <= int(array.min()) and int(array.max()) <= most


def _integer_limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The integers a dtype holds without loss."""
    if dtype.kind == "f":
        most = 2 ** (np.finfo(dtype).nmant + 1) - 1
        return -most, most
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _value_by_value(prefix: str, instances: list[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The slow way: reads strings and bytes, and says which value of a request is wrong."""
    leaves: list[Any] = []
    shape: tuple[int, ...] = ()
    for number, instance in enumerate(instances):
        here = _shape(instance)
        try:
            if len(here) >= MAX_RANK:
                raise invalid(f"lists are nested {len(here)} deep; the limit is {MAX_RANK - 1}")
            _append_leaves(instance, here, 0, dtype, leaves)
            if number == 0:
                shape = here
            elif here != shape:
                raise invalid(f"Expecting shape {_shown(shape)} but got: {_shown(here)}")
        except StatusError as error:
            raise invalid(
                f"Failed to process element: {number}{prefix} of 'instances' list. "
                f"Error: {error.code.name}: {error.message}"
            ) from None
    array = np.empty(len(leaves), dtype)
    array[:] = leaves
    return array.reshape(len(instances), *shape)


def _shape(value: Any) -> tuple[int, ...]:
    """The shape the first element of each list promises."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _append_leaves(
    value: Any, shape: tuple[int, ...], level: int, dtype: np.dtype[Any], leaves: list[Any]
) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_quoted(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _append_leaves(item, shape, level + 1, dtype, leaves)


def _leaf(value: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        return _bytes(value)
    wanted = _PYTHON_TYPES.get(dtype.kind, ())
    if not isinstance(value, wanted) or (isinstance(value, bool) and dtype.kind != "b"):
        raise _type_error(value, dtype)
    if isinstance(value, int) and dtype.kind != "b":
        least, most = _integer_limits(dtype)
        if not least <= value <= most:
            if dtype.kind == "f":
                raise _lossy_error(value, dtype)
            raise _type_error(value, dtype)
    elif isinstance(value, float) and math.isfinite(value) and abs(value) > float(np.finfo(dtype).max):
        raise _lossy_error(value, dtype)
    return value


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict):
        raise _type_error(value, np.dtype(object))
    if not _is_base64(value):
        raise invalid(f"JSON Value: {_quoted(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _type_error(value: Any, dtype: np.dtype[Any]) -> StatusError:
    type_ = str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]
    return invalid(f"JSON Value: {_quoted(value)} Type: {type_} is not of expected type: {_name(dtype)}")


def _lossy_error(value: float, dtype: np.dtype[Any]) -> StatusError:
    return invalid(
        f"Cannot convert JSON value: {_quoted(value)} to {_name(dtype)} without loss of precision."
    )


def _name(dtype: np.dtype[Any]) -> str:
    return _TYPE_NAMES.get(dtype.name, dtype.name)


def _shown(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _quoted(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "..."
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def _plain(name: str, array: NDArray[Any]) -> list[Any]:
    """The array as JSON values; strings whose name ends in `_bytes` as base64 objects."""
    if array.dtype.kind == "f" and array.dtype.itemsize < np.dtype(np.float64).itemsize:
        # The shortest text of each value, so that 0.1 stays 0.1: widened to a double it would not.
        array = array.astype(str).astype(np.float64)
    elif array.dtype.hasobject:
        write = _as_base64 if name.endswith("_bytes") else _as_text
        flat = np.empty(array.size, object)
        flat[:] = [write(value) for value in array.flat]
        array = flat.reshape(array.shape)
    elif array.dtype.kind not in "biuf":
        raise invalid(f"Failed to write JSON value for tensor type: {_name(array.dtype)}")
    values: list[Any] = array.tolist()
    return values


def _as_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
