"""What the private session callable must keep doing: TensorFlow is pinned, and this says what for."""

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode

from services.serving.saved_model import SavedModel
from services.serving.status import StatusError


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
