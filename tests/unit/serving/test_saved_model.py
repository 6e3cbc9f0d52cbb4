"""What the private session callable must keep doing: TensorFlow is pinned, and this says what for."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode

from services.serving.batching import Batcher
from services.serving.batching_parameters import BatchingParameters
from services.serving.running import Runner
from services.serving.saved_model import SavedModel
from services.serving.status import StatusError
from tests.data import MODELS

SECOND = 1_000_000
"""In microseconds."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    module = tf.Module()
    module.weight = tf.Variable([2.0])

    @tf.function(input_signature=[tf.TensorSpec((None, 1), tf.float32, name="x")])
    def double(x):
        y = x * module.weight
        return {"y": y, "same": y, "name": tf.constant(b"double")}

    module.double = double
    tf.saved_model.save(module, str(folder), signatures={"serving_default": double})
    return SavedModel(folder)


def test_a_callable_runs_and_does_not_check_fed_shapes(model):
    for shape in [(1, 1), (3,), (2, 2, 1), ()]:
        outputs = model.run("serving_default", {"x": np.ones(shape, np.float32)})
        np.testing.assert_array_equal(outputs["y"], np.full(shape or (1,), 2))
        np.testing.assert_array_equal(outputs["y"], outputs["same"])
        assert (outputs["name"].dtype, outputs["name"].item()) == (object, b"double")


def test_a_read_only_input_is_fine(model):
    window = np.frombuffer(np.ones(1, np.float32).tobytes(), np.float32)
    assert model.run("serving_default", {"x": window})["y"].tolist() == [2.0]


def test_a_failed_run_keeps_tensorflows_code(model):
    with pytest.raises(StatusError, match="float") as caught:
        model.run("serving_default", {"x": np.ones(1, np.int32)})
    assert caught.value.code == StatusCode.INVALID_ARGUMENT


def test_the_initialiser_is_listed_but_cannot_be_run(model):
    assert "__saved_model_init_op" in model.signatures
    with pytest.raises(StatusError, match="cannot be run"):
        model.run("__saved_model_init_op", {})


def test_a_folder_that_is_no_saved_model(tmp_path):
    with pytest.raises(StatusError, match=str(tmp_path)):
        SavedModel(tmp_path)


async def test_batched_rows_are_bit_for_bit_those_of_the_same_padded_batch():
    saved = SavedModel(MODELS / "gru" / "1")
    ran = []

    class Noting:
        signatures, api = saved.signatures, saved.api

        def run(self, signature, inputs):
            ran.append(inputs)
            return saved.run(signature, inputs)

    with ThreadPoolExecutor() as threads:
        batcher = Batcher(BatchingParameters(8, SECOND, allowed_batch_sizes=(1, 8)), threads)
        model = Runner(threads, batcher, None).serve("gru", Noting())
        windows = np.random.default_rng(1).standard_normal((3, 1, 672, 7)).astype(np.float32)
        answers = await asyncio.gather(*(model.run("compiled", {"window": window}) for window in windows))
    (batch,) = ran
    assert batch["window"].shape == (8, 672, 7)
    whole = saved.run("compiled", batch)["forecast"]
    for number, (window, answer) in enumerate(zip(windows, answers, strict=True)):
        np.testing.assert_array_equal(batch["window"][number], window[0])
        np.testing.assert_array_equal(answer["forecast"], whole[number : number + 1])
