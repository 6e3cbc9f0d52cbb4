"""Tensor messages against TensorFlow's own reading and writing of them, by both message classes."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2 as official

from services.core import tensors
from services.core.tensors import InvalidTensorError, decode, encode
from wattgate.tfserving.v1 import tensor_pb2 as slim

CLASSES = [pytest.param(slim.TensorProto, id="slim"), pytest.param(official.TensorProto, id="official")]
ARRAYS = [
    pytest.param(array, id=f"{array.dtype}-{'x'.join(map(str, array.shape)) or 'scalar'}")
    for array in (
        np.array([[1.5, -0.0], [np.inf, 3.4e38]], np.float32),
        np.array([[np.nan, 0.1]], np.float64),
        np.array([-128, 127], np.int8),
        np.array([-32768, 32767], np.int16),
        np.array([-(2**31), 2**31 - 1], np.int32),
        np.array([-(2**63), 2**63 - 1], np.int64),
        np.array([0, 255], np.uint8),
        np.array([0, 65535], np.uint16),
        np.array([0, 2**32 - 1], np.uint32),
        np.array([0, 2**64 - 1], np.uint64),
        np.array([True, False, True]),
        np.array([[0.5, -2.0, 65504.0]], np.float16),
        np.array([b"", b"\x00\xff", b"kW\x00"], object),
        np.array(3.25, np.float32),
        np.array(b"spec", object),
        np.zeros((0, 7), np.float32),
        np.zeros((2, 0, 3), object),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    )
]


def message(cls=slim.TensorProto, *, shape=(), **fields):
    tensor = cls(**fields)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("array", ARRAYS)
def test_what_is_encoded_is_what_tensorflow_reads(cls, packed, array):
    tensor = cls(version_number=3)
    encode(array, tensor, packed=packed)
    read = tf.make_ndarray(official.TensorProto.FromString(tensor.SerializeToString()))
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)
    assert bool(tensor.tensor_content) == (packed and array.dtype != object and array.size > 0)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("array", ARRAYS)
def test_what_tensorflow_writes_is_decoded(cls, array):
    written = tf.make_tensor_proto(array, dtype=tf.as_dtype(array.dtype), shape=array.shape)
    read = decode(cls.FromString(written.SerializeToString()))
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("array", ARRAYS)
def test_decode_undoes_encode(cls, packed, array):
    tensor = cls()
    encode(array, tensor, packed=packed)
    read = decode(tensor)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("array", [np.arange(6, dtype=">f4").reshape(2, 3), np.arange(6.0).reshape(2, 3).T])
@pytest.mark.parametrize("packed", [True, False])
def test_byte_order_and_memory_layout_do_not_matter(array, packed):
    tensor = slim.TensorProto()
    encode(array, tensor, packed=packed)
    np.testing.assert_array_equal(decode(tensor), array)


def test_a_packed_tensor_is_not_copied_again():
    tensor = slim.TensorProto()
    encode(np.ones((1, 672, 7), np.float32), tensor, packed=True)
    array = decode(tensor)
    assert array.base is not None
    assert not array.flags.writeable


@pytest.mark.parametrize("cls", CLASSES)
def test_the_last_value_of_a_typed_field_repeats(cls):
    tensor = message(cls, shape=(2, 3), dtype=1, float_val=[1, 2])
    np.testing.assert_array_equal(decode(tensor), [[1, 2, 2], [2, 2, 2]])
    np.testing.assert_array_equal(
        tf.make_ndarray(message(official.TensorProto, shape=(2, 2), dtype=1, float_val=[5])),
        decode(message(cls, shape=(2, 2), dtype=1, float_val=[5])),
    )
    assert decode(message(cls, shape=(3,), dtype=7, string_val=[b"a"])).tolist() == [b"a"] * 3


@pytest.mark.parametrize(("dtype", "zero"), [(1, 0.0), (7, b""), (9, 0), (10, False), (19, 0.0)])
def test_no_values_at_all_mean_zeros(dtype, zero):
    assert decode(message(shape=(2,), dtype=dtype)).tolist() == [zero, zero]


def test_no_shape_is_a_scalar():
    assert decode(message(dtype=1, float_val=[2.5])).shape == ()


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("shape", "fields", "said"),
    [
        ((), {"dtype": 0}, "dtype 0 is not supported"),
        ((), {"dtype": 999}, "dtype 999 is not supported"),
        ((2, -1), {"dtype": 1}, r"dimension 1 of shape \[2, -1\] is negative"),
        ((2**62, 4), {"dtype": 1}, "overflow"),
        ((0, 2**62), {"dtype": 1}, "overflow"),
        ((1,) * 65, {"dtype": 1}, "rank 65 is over the limit of 64"),
        ((2,), {"dtype": 1, "tensor_content": b"1234567"}, r"has 7 bytes; shape \[2\] of DT_FLOAT needs 8"),
        ((0,), {"dtype": 1, "tensor_content": b"1234"}, "has 4 bytes.*needs 0"),
        ((1,), {"dtype": 7, "tensor_content": b"\x01a"}, "cannot carry DT_STRING"),
        ((2,), {"dtype": 10, "tensor_content": b"\x01\x02"}, "other than 0 and 1"),
        ((2,), {"dtype": 1, "float_val": [1, 2, 3]}, r"float_val has 3 values; shape \[2\] has 2 elements"),
        ((1,), {"dtype": 6, "int_val": [128]}, "int_val has a value that DT_INT8 cannot hold"),
        ((1,), {"dtype": 4, "int_val": [-1]}, "int_val has a value that DT_UINT8 cannot hold"),
        ((1,), {"dtype": 19, "half_val": [70000]}, "half_val has a value that DT_HALF cannot hold"),
        ((2**24 + 1,), {"dtype": 1, "float_val": [1]}, "16777217 elements; DT_FLOAT is limited to 16777216"),
    ],
)
def test_what_is_not_a_tensor_is_refused(cls, shape, fields, said):
    with pytest.raises(InvalidTensorError, match=said):
        decode(message(cls, shape=shape, **fields))


def test_an_unknown_rank_is_refused():
    tensor = slim.TensorProto(dtype=1)
    tensor.tensor_shape.unknown_rank = True
    with pytest.raises(InvalidTensorError, match="rank is unknown"):
        decode(tensor)


@pytest.mark.parametrize(
    "array", [np.array(["kW"]), np.array([b"kW"]), np.array([1j]), np.array(["kW"], object)]
)
def test_an_array_no_message_can_carry_is_refused(array):
    with pytest.raises(InvalidTensorError):
        encode(array, slim.TensorProto(), packed=True)


def test_tensors_need_no_tensorflow():
    code = f"import sys, {tensors.__name__}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
