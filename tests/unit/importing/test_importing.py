"""A SavedModel of anybody's becomes a version that answers the same, or is refused with what to do."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from pipelines.importing.description import Description, read_description
from pipelines.importing.importing import Imported, import_model
from pipelines.importing.signatures import UnfitModelError
from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import batch_input
from pipelines.preprocessing.series import regular_series
from pipelines.training.checks import load_as_server, warmup_requests
from pipelines.training.errors import ExportCheckError
from tests.data import MONDAY, plausible_kw
from tests.own_models import HOURLY, describe, hourly_kw, hours, save, save_hourly

DESCRIBED = {"resolution": "PT30M", "window": 48, "horizon": 4, "time_zone": "UTC"}
RAW = {**DESCRIBED, "features": [{"name": "load"}]}


@pytest.fixture
def described(tmp_path):
    def make(description=RAW, **changes) -> Description:
        return read_description(describe(tmp_path / "spec.json", description, **changes))

    return make


@pytest.fixture
def imported(tmp_path, described):
    def make(saved_model: Path, description=RAW, **changes) -> Imported:
        work = tmp_path / "work"
        work.mkdir()
        return import_model(saved_model, described(description, **changes), "own", work)

    return make


def answers(version: Imported, kw, start=MONDAY, *, copies=1):
    """Forecasts of one history by each signature, kW."""
    with load_as_server(version.folder) as loaded:
        spec = loaded.spec()
        series = regular_series(start, np.array(kw), resolution_s=spec.resolution_s, grid_s=spec.grid_s)
        window = batch_input([series] * copies, spec)
        outputs = {name: loaded.forecast(name, spec, window)[0] for name in spec.signatures}
    return {
        name: denormalise(output, mean_kw=spec.load.mean, std_kw=spec.load.std).tolist()
        for name, output in outputs.items()
    }


def test_it_answers_what_its_weights_say(tmp_path, imported):
    kw, start = plausible_kw(168), datetime(2024, 6, 2, 9, tzinfo=UTC)
    version = imported(save_hourly(tmp_path / "hourly"), HOURLY)
    found = answers(version, kw, start, copies=3)
    assert set(found) == {"compiled", "serving_default"}
    for answer in found.values():
        assert answer == pytest.approx(hourly_kw(kw, hours(168, start)[-1]), abs=1e-3)
    assert version.why_plain is None
    with load_as_server(version.folder) as loaded:
        assert loaded.spec().batch_sizes == (1, 8, 16, 32)
    assert {request.model_spec.name for request in warmup_requests(version.folder)} == {"own"}


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "Conv1D"])
def test_a_network_of_keras_is_compiled_loops_and_all(tmp_path, imported, layer):
    window = keras.Input((48, 1))
    seen = {
        "LSTM": lambda: keras.layers.LSTM(4)(window),
        "GRU": lambda: keras.layers.GRU(4)(window),
        "Conv1D": lambda: keras.layers.Flatten()(keras.layers.Conv1D(2, 3)(window)),
    }[layer]()
    model = keras.Model(window, keras.layers.Dense(4)(seen))
    model.export(tmp_path / "keras", verbose=False)
    kw = plausible_kw(48)
    version = imported(tmp_path / "keras", features=[{"name": "load", "mean": 160, "std": 45}])
    assert version.why_plain is None
    expected = model.predict_on_batch((np.array(kw, np.float32)[None, :, None] - 160) / 45)[0] * 45 + 160
    for answer in answers(version, kw).values():
        assert answer == pytest.approx(expected.tolist(), abs=1e-2)


def test_a_model_may_take_and_answer_kw_in_double_precision_with_a_last_dimension_of_one(tmp_path, imported):
    own = save(
        tmp_path / "own", lambda x: {"y": tf.repeat(x[:, -1:, :], 4, axis=1)}, (None, 48, 1), "float64"
    )
    version = imported(own)
    kw = [123_456.0 + i for i in range(48)]
    for answer in answers(version, kw).values():
        assert answer == pytest.approx([kw[-1]] * 4, rel=1e-6)


def test_large_loads_in_kw_have_the_digits_that_float32_has(tmp_path, imported):
    """Compiled and plain sums differ by more than a normalised forecast may."""
    weights = np.random.default_rng(1).dirichlet(np.ones(480), 4).T.astype(np.float32)
    own = save(tmp_path / "own", lambda x: {"y": x[:, :, 0] @ tf.constant(weights)}, (None, 480, 1))
    version = imported(own, window=480, spread_kw=3_000_000)
    assert version.why_plain is None
    assert answers(version, [5e6] * 480)["compiled"] == pytest.approx([5e6] * 4, rel=1e-5)


def test_what_xla_cannot_compile_is_served_plain(tmp_path, imported):
    def through_text(x):
        return {"y": tf.strings.to_number(tf.strings.as_string(x[:, -4:, 0], precision=6))}

    version = imported(save(tmp_path / "own", through_text, (None, 48, 1)))
    assert "signature compiled cannot be run" in version.why_plain
    assert answers(version, [7.5] * 48) == {"serving_default": [7.5] * 4}
    with load_as_server(version.folder) as loaded:
        assert "compiled" not in loaded.signatures


def test_large_windows_come_in_small_batches(tmp_path, imported):
    own = save(tmp_path / "own", lambda x: {"y": x[:, -4:, 0]}, (None, 20_000, 1))
    with load_as_server(imported(own, window=20_000).folder) as loaded:
        assert loaded.spec().batch_sizes == (1, 8)


def test_the_one_that_is_named_is_taken_of_several(tmp_path, imported):
    class Several(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 48, 1), tf.float32, name="x")])
        def low(self, x):
            return {"median": x[:, -4:, 0], "count": tf.ones((tf.shape(x)[0], 4))}

        @tf.function(input_signature=[tf.TensorSpec((None, 48, 1), tf.float32, name="x")])
        def high(self, x):
            return {"median": 2 * x[:, -4:, 0]}

    module, folder = Several(), tmp_path / "own"
    tf.saved_model.save(module, str(folder), signatures={"low": module.low, "high": module.high})
    assert (
        answers(imported(folder, signature="low", output="median"), [7.0] * 48)["serving_default"]
        == [7.0] * 4
    )


def newest(x):
    return {"y": x[:, -4:, 0]}


def two_outputs(x):
    return {"y": x[:, -4:, 0], "z": x[:, 0]}


@pytest.mark.parametrize(
    ("shape", "function", "changes", "says"),
    [
        (
            (None, 47, 1),
            newest,
            {},
            "input x has the shape (None, 47, 1); by its spec it is (None, 48,",
        ),
        ((None, 48, 2), newest, {}, "it is (None, 48, 1): window 48, 1 features"),
        ((1, 48, 1), newest, {}, "input x takes 1 windows at a time alone: export it with None"),
        ((None, 48), lambda x: {"y": x[:, -4:]}, {}, "input x has the shape (None, 48)"),
        (
            (None, 48, 1),
            newest,
            {"horizon": 5},
            "output y has the shape (None, 4); by its spec it is (",
        ),
        ((None, 48, 1), two_outputs, {}, "output: name one of its 2 (y, z)"),
        ((None, 48, 1), newest, {"output": "z"}, "output: it has no 'z' (y)"),
        ((None, 48, 1), newest, {"input": "window"}, "input: it has no 'window' (x)"),
        ((None, 48, 1), newest, {"signature": "serve"}, "there is no 'serve' in it; there are: serving_def"),
        (
            (None, 48, 1),
            lambda x: {"y": tf.repeat(x[:, -4:], 3, -1)},
            {},
            "output y has 3 values a step: export a signature that answers the median alone",
        ),
        (
            (None, 48, 1),
            lambda x: {"y": tf.cast(x[:, -4:, 0], tf.int32)},
            {},
            "output y is DT_INT32, not a float",
        ),
        ((None, 48, 1), lambda x: {"y": x[:, -4:, 0] / 0.0}, {}, "kW it answers inf kW, which is no power"),
        (
            (None, 48, 1),
            lambda x: {"y": tf.ensure_shape(x, (3, 48, 1))[:, -4:, 0]},
            {},
            "it cannot be run: ",
        ),
    ],
)
def test_a_model_that_is_not_as_described_is_refused(tmp_path, imported, shape, function, changes, says):
    with pytest.raises(UnfitModelError) as refused:
        imported(save(tmp_path / "own", function, shape), **changes)
    assert says in str(refused.value)


def test_a_model_of_two_inputs_is_refused(tmp_path, imported):
    module = tf.Module()
    spec = tf.TensorSpec((None, 48, 1), tf.float32)
    module.both = tf.function(lambda a, b: {"y": (a + b)[:, -4:, 0]}, input_signature=[spec, spec])
    tf.saved_model.save(module, str(tmp_path / "own"), signatures=module.both)
    with pytest.raises(UnfitModelError, match=r"takes 2 inputs \(a, b\); one is fed, the window"):
        imported(tmp_path / "own")


def test_a_model_that_throws_dice_is_refused(tmp_path, imported):
    own = save(tmp_path / "own", lambda x: {"y": tf.nn.dropout(x[:, -4:, 0], 0.5)}, (None, 48, 1))
    with pytest.raises(ExportCheckError, match="differ by"):
        imported(own)


def test_a_model_that_looks_at_the_other_windows_is_refused(tmp_path, imported):
    own = save(tmp_path / "own", lambda x: {"y": x[:, -4:, 0] - tf.reduce_max(x)}, (None, 48, 1))
    with pytest.raises(ExportCheckError, match=r"known request.*in the same batch"):
        imported(own, features=[{"name": "load", "mean": 160, "std": 45}])


def test_an_operation_that_is_not_tensorflows_is_named(tmp_path, imported):
    own = save(tmp_path / "own", lambda x: {"y": tf.nn.relu(x[:, -4:, 0])}, (None, 48, 1))
    file = own / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for function in model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Relu":
                node.op = "MyFastRelu"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UnfitModelError, match="operation 'MyFastRelu', which is not TensorFlow's own"):
        imported(own)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda own: (own / "saved_model.pb").write_bytes(b"\xff" * 50), "is not a SavedModel's"),
        (lambda own: (own / "saved_model.pb").write_bytes(b""), "no graph with the tag 'serve'"),
        (lambda own: (own / "saved_model.pb").unlink(), "has no saved_model.pb: only SavedModels"),
        (lambda own: next((own / "variables").glob("*.index")).write_bytes(b"x"), "it cannot be loaded"),
    ],
)
def test_what_is_no_whole_saved_model_is_refused(tmp_path, imported, spoil, says):
    own = save_hourly(tmp_path / "own")
    spoil(own)
    with pytest.raises(UnfitModelError) as refused:
        imported(own, HOURLY)
    assert says in str(refused.value)


def test_a_file_of_keras_is_refused_with_what_to_call(tmp_path, imported):
    file = tmp_path / "own.keras"
    file.write_bytes(b"PK")
    with pytest.raises(UnfitModelError, match=r"is a file, and a SavedModel is a folder: .*model\.export"):
        imported(file)


def test_a_folder_of_versions_is_refused_with_their_names(tmp_path, imported):
    save_hourly(tmp_path / "models" / "2")
    with pytest.raises(UnfitModelError, match=r"name a version of it: .*models/2"):
        imported(tmp_path / "models", HOURLY)
