"""Tensor message <-> array, checked byte for byte.

Works on every message class with the fields of `TensorProto` (tensorflow/core/framework/tensor.proto): our
own slim one and the official one. Imports no TensorFlow, so the gateway may use it.
"""

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 64 * 1024 * 1024
"""Largest array a message may ask for (a string counts as 8): a typed field repeats its last value, so
a message of a few bytes can name any size."""

MAX_RANK = 64
"""Most dimensions an array can have: numpy's limit, below TensorFlow's 254."""

DT_STRING = 7
"""`DataType` number of strings, whose arrays hold Python bytes objects."""


class _TensorShape(Protocol):
    unknown_rank: bool

    @property
    def dim(self) -> Any:
        """The dimensions, outermost first."""


class TensorMessage(Protocol):
    """What is asked of a `TensorProto` class; typed fields are looked up by name."""

    dtype: Any
    tensor_content: bytes

    @property
    def tensor_shape(self) -> _TensorShape:
        """The shape; none set means a scalar."""

    def Clear(self) -> None:  # noqa: N802 - protobuf's name
        """Reset every field."""


class InvalidTensorError(ValueError):
    """A message that is not a tensor, or an array no message can carry; says what and where."""


class _Type(NamedTuple):
    name: str
    """TensorFlow's name, as `DT_...`."""
    array: np.dtype[Any]
    """Dtype of the array; little-endian, as `tensor_content` is."""
    field: str
    """The typed field of the message."""
    value: np.dtype[Any]
    """Dtype of one value of that field."""


def _type(name: str, array: str, field: str, value: str) -> _Type:
    return _Type(name, np.dtype(array), field, np.dtype(value))


_TYPES = {
    1: _type("DT_FLOAT", "<f4", "float_val", "<f4"),
    2: _type("DT_DOUBLE", "<f8", "double_val", "<f8"),
    3: _type("DT_INT32", "<i4", "int_val", "<i4"),
    4: _type("DT_UINT8", "u1", "int_val", "<i4"),
    5: _type("DT_INT16", "<i2", "int_val", "<i4"),
    6: _type("DT_INT8", "i1", "int_val", "<i4"),
    DT_STRING: _type("DT_STRING", "O", "string_val", "O"),
    9: _type("DT_INT64", "<i8", "int64_val", "<i8"),
    10: _type("DT_BOOL", "?", "bool_val", "?"),
    17: _type("DT_UINT16", "<u2", "int_val", "<i4"),
    19: _type("DT_HALF", "<f2", "half_val", "<i4"),
    22: _type("DT_UINT32", "<u4", "uint32_val", "<u4"),
    23: _type("DT_UINT64", "<u8", "uint64_val", "<u8"),
}
_NUMBERS = {type_.array: number for number, type_ in _TYPES.items()}


def decode(tensor: TensorMessage, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """The array a message stands for; strings as an object array of bytes.

    Elements come from `tensor_content`, or where that is empty from the typed field of the dtype: a field
    with too few values repeats its last, an empty one means zeros. An array from `tensor_content` is a
    read-only view of its bytes.

    Raises InvalidTensorError for a dtype or rank that is not known, a shape that cannot be, values that do
    not fit it, and more than `max_bytes`.
    """
    type_ = _TYPES.get(tensor.dtype)
    if type_ is None:
        raise InvalidTensorError(f"dtype {tensor.dtype} is not supported")
    shape = _shape(tensor)
    count = math.prod(shape)
    if count * type_.array.itemsize > max_bytes:
        limit = max_bytes // type_.array.itemsize
        raise InvalidTensorError(
            f"shape {list(shape)} has {count} elements; {type_.name} is limited to {limit}"
        )
    if content := tensor.tensor_content:
        return _unpacked(content, type_, shape, count)
    return _from_values(getattr(tensor, type_.field), type_, shape, count)


def encode(array: NDArray[Any], into: TensorMessage, *, packed: bool) -> None:
    """Write an array to a message, whatever was there before.

    `packed` puts the elements into `tensor_content`, otherwise each goes to the typed field of its dtype.
    Strings are an object array of bytes and have the typed field only.

    Raises InvalidTensorError for a dtype the message cannot carry.
    """
    number = _NUMBERS.get(array.dtype.newbyteorder("<"))
    if number is None:
        raise InvalidTensorError(f"dtype {array.dtype} is not supported")
    type_ = _TYPES[number]
    into.Clear()
    into.dtype = number
    add = into.tensor_shape.dim.add
    for size in array.shape:
        add(size=size)
    if number == DT_STRING:
        values = array.ravel().tolist()
        if not all(isinstance(value, bytes) for value in values):
            raise InvalidTensorError("an object array must hold bytes only")
        getattr(into, type_.field).extend(values)
        return
    array = array.astype(type_.array, copy=False)
    if packed:
        into.tensor_content = array.tobytes()
        return
    if type_.name == "DT_HALF":
        array = np.ascontiguousarray(array).view("<u2")  # the field holds the 16 bits
    getattr(into, type_.field).extend(array.ravel().tolist())


def _shape(tensor: TensorMessage) -> tuple[int, ...]:
    message = tensor.tensor_shape
    if message.unknown_rank:
        raise InvalidTensorError("the shape's rank is unknown")
    shape = tuple([dim.size for dim in message.dim])
    if len(shape) > MAX_RANK:
        raise InvalidTensorError(f"rank {len(shape)} is over the limit of {MAX_RANK}")
    for axis, size in enumerate(shape):
        if size < 0:
            raise InvalidTensorError(f"dimension {axis} of shape {list(shape)} is negative")
    # A zero among them makes the product small but leaves numpy's strides to overflow.
    if math.prod([size for size in shape if size]) > np.iinfo(np.int64).max // 8:
        raise InvalidTensorError(f"the dimensions of shape {list(shape)} overflow")
    return shape


def _unpacked(content: bytes, type_: _Type, shape: tuple[int, ...], count: int) -> NDArray[Any]:
    if type_.array.hasobject:
        raise InvalidTensorError("tensor_content cannot carry DT_STRING: use string_val")
    if len(content) != count * type_.array.itemsize:
        raise InvalidTensorError(
            f"tensor_content has {len(content)} bytes; shape {list(shape)} of {type_.name} needs "
            f"{count * type_.array.itemsize}"
        )
    if type_.name == "DT_BOOL" and max(content) > 1:
        raise InvalidTensorError("tensor_content of DT_BOOL has bytes other than 0 and 1")
    return np.frombuffer(content, type_.array).reshape(shape)


def _from_values(values: Any, type_: _Type, shape: tuple[int, ...], count: int) -> NDArray[Any]:
    given = len(values)
    if given > count:
        raise InvalidTensorError(
            f"{type_.field} has {given} values; shape {list(shape)} has {count} elements"
        )
    if not given:
        return np.full(shape, b"" if type_.array.hasobject else 0, type_.array)
    array = _narrowed(np.fromiter(values, type_.value, given), type_)
    if given < count:
        array = np.concatenate([array, np.repeat(array[-1:], count - given)])
    return array.reshape(shape)


def _narrowed(values: NDArray[Any], type_: _Type) -> NDArray[Any]:
    """The field's values in the array's dtype: fields are as wide as the widest dtype they serve."""
    if type_.value == type_.array:
        return values
    target = np.dtype("<u2") if type_.name == "DT_HALF" else type_.array
    limits = np.iinfo(target)
    if values.min() < limits.min or values.max() > limits.max:
        raise InvalidTensorError(f"{type_.field} has a value that {type_.name} cannot hold")
    return values.astype(target).view(type_.array)
