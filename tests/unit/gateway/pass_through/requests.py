"""TensorFlow Serving's requests as callers send them, and as nobody should."""

import numpy as np

from services.core import tensors
from wattgate.tfserving.v1 import predict_pb2

ANSWER = b"an answer, as it came"
MOST_BYTES = 1024 * 1024


def predict_request(batch=1, *, signature="compiled", packed=True, model="gru", filters=(), **changes):
    request = predict_pb2.PredictRequest(output_filter=filters)
    request.model_spec.name, request.model_spec.signature_name = model, signature
    windows = np.full((batch, 672, 7), 0.5, np.float32)
    tensors.encode(windows, request.inputs["window"], packed=packed)
    for name, value in changes.items():
        setattr(request.inputs["window"], name, value)
    return request


def shaped(*dims, **fields):
    """A request whose tensor names a shape, and has what `fields` say."""
    request = predict_request(tensor_content=b"")
    tensor = request.inputs["window"]
    del tensor.tensor_shape.dim[:]
    for size in dims:
        tensor.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return request


def renamed(*names):
    request = predict_request()
    for name in names:
        request.inputs[name].CopyFrom(request.inputs["window"])
    del request.inputs["window"]
    return request


def naming(kind, name, version=None):
    message = kind()
    message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    return message.SerializeToString()


def mutated(dice, sources):
    """A request with some bytes of its first or any part changed, added, taken away or swapped."""
    raw = bytearray(dice.choice(sources))
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        # Where the structure is: the first bytes and the last.
        end = len(raw) if dice.random() < 0.3 else min(len(raw), 64)
        at = dice.randrange(max(end, 1))
        kind = dice.randrange(6)
        if kind == 0 and raw:
            raw[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and raw:
            raw[at] = dice.randrange(256)
        elif kind == 2:
            raw[at:at] = dice.randbytes(dice.randrange(1, 12))
        elif kind == 3:
            del raw[at : at + dice.randrange(1, 12)]
        elif kind == 4:
            del raw[max(len(raw) - dice.randrange(64), 0) :]
        else:
            raw += dice.choice(sources)[: dice.randrange(64)]
    return bytes(raw)
