"""JSON values <-> arrays, by the rules and in the words of TensorFlow Serving's util/json_tensor.cc."""

import base64
import binascii
import math
from collections.abc import Iterable
from itertools import chain, compress
from typing import Any

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray
from tensorflow import as_dtype
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from services.core.tensors import MAX_RANK
from services.serving.json_document import format_error, is_base64, quoted, type_name
from services.serving.status import StatusError, invalid

_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}
_NUMPY_READS = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}
"""Kinds numpy may see in the JSON, by the kind of dtype wanted."""

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}
"""What a JSON value must be, by the kind of dtype wanted."""


def to_array(value: Any, info: TensorInfo) -> NDArray[Any]:
    """A value or nested lists of them as one tensor.

    Raises StatusError: INVALID_ARGUMENT where they do not fit the input's dtype or each other, UNIMPLEMENTED
    for a dtype JSON has no form of.
    """
    dtype = _dtype(info)
    array = _read_at_once(value, dtype)
    return _read_one_by_one(value, dtype) if array is None else array


def to_batch(instances: list[Any], info: TensorInfo, key: str = "") -> NDArray[Any]:
    """One tensor for each instance, all of one shape, as a batch; `key` is named in errors.

    Raises StatusError INVALID_ARGUMENT where an instance does not fit the input's dtype or the others.
    """
    dtype = _dtype(info)
    if (batch := _read_at_once(instances, dtype)) is not None:
        return batch
    rows: list[NDArray[Any]] = []
    for number, instance in enumerate(instances):
        try:
            row = _read_one_by_one(instance, dtype)
            if rows and row.size != rows[0].size:
                raise invalid(f"Expecting tensor size: {rows[0].size} but got: {row.size}")
            if rows and row.shape != rows[0].shape:
                raise invalid(f"Expecting shape {_shown(rows[0].shape)} but got: {_shown(row.shape)}")
        except StatusError as error:
            place = f"{number} key: {key}" if key else str(number)
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. "
                f"Error: {error.code.name}: {error.message}"
            ) from None
        rows.append(row)
    return np.stack(rows)


def to_json(name: str, array: NDArray[Any]) -> Any:
    """The array as JSON values; strings of an output whose name ends in `_bytes` as base64 objects.

    Raises StatusError INVALID_ARGUMENT for a dtype JSON has no form of.
    """
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
    return array.tolist()


def decoded(value: dict[str, str]) -> bytes:
    """The bytes of a base64 object; StatusError INVALID_ARGUMENT where it is none."""
    if not is_base64(value):
        raise format_error(value, "not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def lossy_error(value: float, type_: str) -> StatusError:
    """The failure of a number a type cannot hold."""
    return invalid(f"Cannot convert JSON value: {quoted(value)} to {type_} without loss of precision.")


def _dtype(info: TensorInfo) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(as_dtype(info.dtype).as_numpy_dtype)
    return dtype


def _read_at_once(value: Any, dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """The quick way for numbers; None where the slow one has to look."""
    if dtype.kind not in _NUMPY_READS:
        return None
    try:
        array = np.array(value)
    except (ValueError, OverflowError):  # lists of different lengths, an integer of over 64 bits
        return None
    if array.dtype.kind not in _NUMPY_READS[dtype.kind]:
        return None
    if array.size and not (_all_fit(array, dtype) and _all_kept(value, array, dtype)):
        return None
    return array.astype(dtype)


def _all_fit(array: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "b":
        return True
    if array.dtype.kind == "f":
        finite = array[np.isfinite(array)]
        return not finite.size or bool(np.abs(finite).max() <= float(np.finfo(dtype).max))
    least, most = _integer_limits(dtype)
    return least <= int(array.min()) and int(array.max()) <= most


def _all_kept(value: Any, array: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether no value hides in its neighbours' type: a bool as 0 or 1, too large an integer as a float."""
    if array.dtype.kind == "b":
        return True
    if bool in _types(value, (array == 0) | (array == 1)):
        return False
    return array.dtype.kind != "f" or int not in _types(value, np.abs(array) > _integer_limits(dtype)[1])


def _types(value: Any, where: NDArray[np.bool_]) -> set[type]:
    """The Python types of those of nested lists' values."""
    if not where.any():
        return set()
    values: Iterable[Any] = [value]
    for _ in range(where.ndim):
        values = chain.from_iterable(values)
    return set(map(type, compress(values, where.ravel().tobytes())))


def _integer_limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The integers a dtype holds without loss."""
    if dtype.kind == "f":
        most = 2 ** (np.finfo(dtype).nmant + 1) - 1
        return -most, most
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _read_one_by_one(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The slow way: reads strings and bytes, and says which value of a request is wrong."""
    shape = _shape(value)
    if len(shape) >= MAX_RANK:
        raise invalid(f"lists are nested {len(shape)} deep; the limit is {MAX_RANK - 1}")
    leaves: list[Any] = []
    _append_leaves(value, shape, 0, dtype, leaves)
    array = np.empty(len(leaves), dtype)
    array[:] = leaves
    return array.reshape(shape)


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
            raise format_error(
                value,
                f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}",
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
    if dtype.hasobject and isinstance(value, str):
        return value.encode()
    if dtype.hasobject and isinstance(value, dict):
        return decoded(value)
    if not dtype.hasobject and dtype.kind not in _PYTHON_TYPES:
        raise StatusError(
            StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {quoted(value)} to type: {_name(dtype)}"
        )
    wanted = _PYTHON_TYPES.get(dtype.kind, ())
    if not isinstance(value, wanted) or (isinstance(value, bool) and dtype.kind != "b"):
        raise _type_error(value, dtype)
    if isinstance(value, int) and dtype.kind != "b":
        least, most = _integer_limits(dtype)
        if not least <= value <= most:
            raise lossy_error(value, _name(dtype)) if dtype.kind == "f" else _type_error(value, dtype)
    elif isinstance(value, float) and math.isfinite(value) and abs(value) > float(np.finfo(dtype).max):
        raise lossy_error(value, _name(dtype))
    return value


def _type_error(value: Any, dtype: np.dtype[Any]) -> StatusError:
    return format_error(value, f"Type: {type_name(value)} is not of expected type: {_name(dtype)}")


def _name(dtype: np.dtype[Any]) -> str:
    return _TYPE_NAMES.get(dtype.name, dtype.name)


def _shown(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _as_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
