"""What the private session callable must keep doing: TensorFlow is pinned, and this says what for."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode

from services.serving.batching import Batcher
from services.serving.batching_parameters import BatchingParameters
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


def test_batched_rows_are_bit_for_bit_those_of_the_same_padded_batch(monkeypatch):
    batched = SavedModel(
        MODELS / "gru" / "1", Batcher(BatchingParameters(8, SECOND, allowed_batch_sizes=(1, 8)))
    )
    ran = []
    call = batched._calls["compiled"]

    def noting(inputs):
        ran.append(inputs)
        return call(inputs)

    noting.api = call.api
    monkeypatch.setitem(batched._calls, "compiled", noting)
    windows = np.random.default_rng(1).standard_normal((3, 1, 672, 7)).astype(np.float32)
    with ThreadPoolExecutor() as callers:
        answers = list(callers.map(lambda window: batched.run("compiled", {"window": window}), windows))
    (batch,) = ran
    assert batch["window"].shape == (8, 672, 7)
    whole = call(batch)["forecast"]
    for window, answer in zip(windows, answers, strict=True):
        (row,) = [i for i in range(3) if np.array_equal(batch["window"][i], window[0])]
        np.testing.assert_array_equal(answer["forecast"], whole[row : row + 1])
