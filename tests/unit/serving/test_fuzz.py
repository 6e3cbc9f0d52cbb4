"""Both edges against 10,000 requests each that no client would send: always an answer, never a bug's.

A case is made from its number alone, so that one that fails can be run again by itself.
"""

import asyncio
import json
import math
import random
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from services.core.tensors import encode
from services.serving import prediction_service, rest
from services.serving.repository import Repository, ServedModel
from services.serving.running import Runner
from services.serving.saved_model import SavedModel

CASES = 10_000
BUG = "internal error"
"""What both edges say of an exception they did not expect."""

SIGNATURES = {"serving_default": ["x"], "two": ["a", "b"], "text": ["text"], "ex": ["inputs"]}
"""The model's, with their inputs."""

LEAKS = r"Traceback|\.py\b|[A-Z]\w+(Error|Exception)\b|<class|numpy|0x[0-9a-f]{8}"
"""What no answer may say."""

NAMES = [
    "",
    "m",
    "x",
    "a",
    "b",
    "inputs",
    "outputs",
    "y",
    "serving_default",
    "two",
    "text",
    "ex",
    "ü",
    "\x00",
]
NUMBERS = [0, 1, -1, 2, 3, 7, 64, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, 1e38, 1e39, 1e-45]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    module = tf.Module()

    def signature(*specs):
        return tf.function(input_signature=[tf.TensorSpec(None, dtype, name) for name, dtype in specs])

    module.half = signature(("x", tf.float32))(lambda x: {"y": x / 2})
    module.two = signature(("a", tf.float32), ("b", tf.int32))(lambda a, b: {"a": a, "b": b})
    module.text = signature(("text", tf.string))(lambda text: {"y": text, "y_bytes": text})
    module.ex = signature(("inputs", tf.string))(
        lambda inputs: {"outputs": tf.cast(tf.strings.length(inputs), tf.float32)}
    )
    signatures = {
        "serving_default": module.half,
        "two": module.two,
        "text": module.text,
        "ex": module.ex,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    with ThreadPoolExecutor(1) as threads:
        model = Runner(threads, None, None).serve("m", SavedModel(folder))
        yield Repository({"m": ServedModel(versions={1: model}, labels={"l": 1})})


class AbortedError(Exception):
    pass


class Context:
    def time_remaining(self):
        return None

    async def abort(self, code, message):
        self.answer = (code, message)
        raise AbortedError


def sound_predict_request():
    request = PredictRequest(output_filter=["a"])
    request.model_spec.name = "m"
    request.model_spec.signature_name = "two"
    encode(np.ones((2, 3), np.float32), request.inputs["a"], packed=True)
    encode(np.ones((2, 3), np.int32), request.inputs["b"], packed=False)
    return request


def fill_spec(chance, spec):
    spec.name = "m" if chance.random() < 0.95 else chance.choice(NAMES)
    spec.signature_name = chance.choice([*SIGNATURES] if chance.random() < 0.9 else NAMES)
    if chance.random() < 0.1:
        spec.version.value = chance.choice([1, *NUMBERS])
    elif chance.random() < 0.1:
        spec.version_label = chance.choice(["l", *NAMES])


def fill_tensor(chance, tensor):
    if chance.random() < 0.5:  # a sound one, of some dtype
        shape = chance.choices([1, 2, 3], k=chance.randrange(4))
        dtype = chance.choice([np.float32, np.float32, np.int32, object])
        encode(np.full(shape, b"a" if dtype is object else 1, dtype), tensor, packed=chance.random() < 0.5)
        return
    tensor.dtype = chance.choice([1, 1, 1, 3, 3, 7, 7, *range(25), 101, 1000])
    tensor.tensor_shape.unknown_rank = chance.random() < 0.02
    for _ in range(chance.choice([0, 1, 1, 2, 3, 70])):
        tensor.tensor_shape.dim.add(size=chance.choice([1, 1, 2, 3, chance.choice(NUMBERS)]))
    if chance.random() < 0.4:
        tensor.tensor_content = chance.randbytes(chance.choice([1, 4, 8, 12, 16, 24]))
    few = range(chance.randrange(4))
    tensor.float_val.extend(chance.choice(FLOATS[:6]) for _ in few)
    tensor.int_val.extend(chance.choice(NUMBERS[:9]) for _ in few)
    tensor.string_val.extend(chance.randbytes(chance.randrange(4)) for _ in few)
    tensor.int64_val.extend(chance.choice(NUMBERS) for _ in few)


def fill_input(chance, sent):
    kinds = [sent.example_list, sent.example_list_with_context]
    for _ in range(chance.randrange(3)):
        example = chance.choice(kinds).examples.add()
        example.features.feature[chance.choice(NAMES)].float_list.value.append(chance.choice(FLOATS[:6]))


def odd_request(chance):
    """A method and a message for it: well-formed, with contents that go together only by chance."""
    method = chance.choice(["Predict"] * 6 + ["Classify", "Regress", "MultiInference", "GetModelMetadata"])
    if method == "Predict":
        request = PredictRequest(output_filter=chance.choices(NAMES, k=chance.choice([0] * 8 + [1, 2])))
        fill_spec(chance, request.model_spec)
        wanted = SIGNATURES.get(request.model_spec.signature_name, [])
        for name in wanted if chance.random() < 0.9 else chance.choices(NAMES, k=chance.randrange(4)):
            fill_tensor(chance, request.inputs[name])
    elif method == "MultiInference":
        request = MultiInferenceRequest()
        fill_input(chance, request.input)
        for _ in range(chance.randrange(4)):
            method_name = chance.choice(["tensorflow/serving/regress", "tensorflow/serving/classify", ""])
            task = request.tasks.add(method_name=method_name)
            fill_spec(chance, task.model_spec)
    elif method == "GetModelMetadata":
        request = GetModelMetadataRequest(metadata_field=chance.choices(["signature_def", "x"]))
        fill_spec(chance, request.model_spec)
    else:
        request = ClassificationRequest() if method == "Classify" else RegressionRequest()
        fill_input(chance, request.input)
        fill_spec(chance, request.model_spec)
    return method, request.SerializeToString()


def damaged(chance, data, alphabet=bytes(range(256))):
    """The bytes with a few of them changed, lost or repeated."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                changed[at : at + 1] = chance.choices(alphabet)
            case 1:
                del changed[at : at + chance.randrange(1, 8)]
            case 2:
                changed[at:at] = chance.choices(alphabet, k=chance.randrange(1, 4))
            case _:
                changed[at:at] = changed[at : at + chance.randrange(1, 40)]
    return bytes(changed)


def test_grpc(repository):
    service = prediction_service.handlers(repository, packed=False)
    sound = sound_predict_request().SerializeToString()

    async def outcome(number):
        chance = random.Random(number)
        method, raw = ("Predict", damaged(chance, sound)) if number % 2 else odd_request(chance)
        details = SimpleNamespace(method=f"/tensorflow.serving.PredictionService/{method}")
        handler = service.service(details)
        context = Context()
        try:
            handler.response_serializer(await handler.unary_unary(raw, context))
        except AbortedError:
            return context.answer
        return "answered", ""

    async def outcomes():
        return [await outcome(number) for number in range(CASES)]

    found = asyncio.run(outcomes())
    assert [number for number, (_, said) in enumerate(found) if said == BUG] == []
    assert [said for _, said in found if re.search(LEAKS, said)] == []
    assert sum(code == "answered" for code, _ in found) > CASES / 20  # it gets through the checks, too


SOUND_BODIES = [
    b'{"instances": [[1.0, 2], [3, 4e0]]}',
    b'{"signature_name": "two", "instances": [{"a": 1.5, "b": 2}, {"a": -0.1, "b": 3}]}',
    b'{"signature_name": "two", "inputs": {"a": [1.5, null], "b": [[2]]}}',
    b'{"signature_name": "text", "inputs": ["k\\u00fcW", {"b64": "AP8="}]}',
    b'{"signature_name": "ex", "context": {"x": 1}, "examples": [{"x": [1.5], "y": {"b64": ""}}, {}]}',
]


def odd_value(chance, depth=0):
    if depth < 4 and chance.random() < 0.4:
        return [odd_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    if depth < 4 and chance.random() < 0.2:
        return {chance.choice(NAMES): odd_value(chance, depth + 1) for _ in range(chance.randrange(3))}
    return chance.choice(
        [None, True, False, "", "a", {"b64": "AA=="}, {"b64": "?"}, 2**64, *NUMBERS, *FLOATS]
    )


def odd_body(chance, verb):
    signature = chance.choice([*SIGNATURES, *NAMES])
    document = {} if chance.random() < 0.1 else {"signature_name": signature}
    names = SIGNATURES.get(signature, NAMES)
    if verb != "predict":
        document["examples"] = [{name: odd_value(chance, 2) for name in names}]
        if chance.random() < 0.3:
            document["context"] = {"x": odd_value(chance)}
    elif chance.random() < 0.5:
        row = {name: odd_value(chance) for name in names}
        document["instances"] = chance.choice([[row], [row, row], odd_value(chance)])
    else:
        document["inputs"] = chance.choice([{name: odd_value(chance) for name in names}, odd_value(chance)])
    return json.dumps(document).encode()


def test_rest(repository):
    app = rest.app(repository, timeout_s=30)

    async def outcome(number):
        chance = random.Random(number)
        verb = chance.choice(["predict"] * 3 + ["classify", "regress"])
        if number % 2:
            sound = chance.choice(SOUND_BODIES[:4] if verb == "predict" else SOUND_BODIES[4:])
            body = damaged(chance, sound, b'0123456789.-+eE[]{},:"\\ \xff\x00')
        else:
            body = odd_body(chance, verb)
        path = f"/v1/models/m:{verb}"
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": []}
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def outcomes():
        return [await outcome(number) for number in range(CASES)]

    found = asyncio.run(outcomes())
    assert {status for status, _ in found} <= {200, 400, 501}
    assert [number for number, (_, body) in enumerate(found) if body.get("error") == BUG] == []
    assert [body for _, body in found if re.search(LEAKS, body.get("error", ""))] == []
    assert sum(status == 200 for status, _ in found) > CASES / 40
