"""What an exported version must hold before anybody serves it, checked as the stock server loads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import prediction_log_pb2

from pipelines.postprocessing import denormalise
from pipelines.preprocessing.features import known_input
from pipelines.spec import SIGNATURE, ForecastSpec
from pipelines.training.errors import ExportCheckError
from pipelines.training.export import COMPILED, PLAIN, WARMUP_FILE

TOLERANCE = 1e-5
"""Largest difference between two ways to compute the same forecast: normalised, and where that is above 1 of
itself."""

_MAX_SHOWN = 300
"""Characters of what TensorFlow says."""

_GPU_ONLY = ("Cudnn", "_Cudnn")
"""What the names of recurrent kernels begin with that no CPU has."""


class LoadedVersion:
    """A SavedModel in a TF1 session, called the way TensorFlow Serving calls it."""

    def __init__(self, session: Any, meta_graph: Any) -> None:
        self._session = session
        self._callables: dict[str, Any] = {}
        self._graph = meta_graph.graph_def
        self.signatures = meta_graph.signature_def
        """Signature definitions by name."""

    def operations(self) -> set[str]:
        """Names of the operations it is made of, functions included."""
        bodies = [self._graph.node, *(function.node_def for function in self._graph.library.function)]
        return {node.op for body in bodies for node in body}

    def spec(self) -> ForecastSpec:
        """The spec the version carries. Raises ExportCheckError where it carries none."""
        if SIGNATURE not in self.signatures:
            raise ExportCheckError(f"signatures are missing: {SIGNATURE}")
        try:
            return ForecastSpec.model_validate_json(self._callable(SIGNATURE, [], SIGNATURE)()[0])
        except (KeyError, ValueError) as error:
            raise ExportCheckError(f"its {SIGNATURE} cannot be read: {error}") from error

    def forecast(
        self, signature: str, spec: ForecastSpec, window: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Normalised forecasts, shape (batch, horizon), of windows, shape (batch, window, feature).

        Raises ExportCheckError where the signature cannot be run.
        """
        try:
            answer: NDArray[np.float32] = self._callable(signature, [spec.input], spec.output)(window)[0]
        except tf.errors.OpError as error:
            why = " ".join(error.message.split())[:_MAX_SHOWN]
            raise ExportCheckError(f"its signature {signature} cannot be run: {why}") from error
        return answer

    def _callable(self, signature: str, inputs: list[str], output: str) -> Any:
        if signature not in self._callables:
            definition = self.signatures[signature]
            options = config_pb2.CallableOptions(
                feed=[definition.inputs[name].name for name in inputs],
                fetch=[definition.outputs[output].name],
            )
            self._callables[signature] = self._session._make_callable_from_options(options)
        return self._callables[signature]


@contextmanager
def load_as_server(folder: Path) -> Iterator[LoadedVersion]:
    """Load a version through a session: the stock server's way, and stricter than `tf.saved_model.load`.

    Raises ExportCheckError for what is no SavedModel.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        try:
            meta_graph = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], str(folder))
        except (OSError, RuntimeError, tf.errors.OpError) as error:
            raise ExportCheckError(f"{folder} cannot be loaded: {error}") from error
        yield LoadedVersion(session, meta_graph)


def check_version(folder: Path, expected: ForecastSpec) -> None:
    """Raise ExportCheckError where the version in `folder` is not the model the spec describes.

    The signatures are there; the spec reads back; all that forecast agree at every batch size, and give the
    known request its known forecast; the warm-up calls are ones the version can answer, one for each of those
    sizes where it is compiled; nothing in it needs a GPU.
    """
    warmup = warmup_requests(folder)
    with load_as_server(folder) as version:
        missing = {SIGNATURE, PLAIN, *expected.signatures} - set(version.signatures)
        if missing:
            raise ExportCheckError(f"signatures are missing: {', '.join(sorted(missing))}")
        gpu_only = sorted(name for name in version.operations() if name.startswith(_GPU_ONLY))
        if gpu_only:
            raise ExportCheckError(f"operations that only GPUs have: {', '.join(gpu_only)}; train on a CPU")
        if version.spec() != expected:
            raise ExportCheckError("the spec in the model is not the one it was exported with")
        known = known_input(expected)
        wanted = np.array(expected.known_request.forecast_kw)
        for batch in expected.batch_sizes:
            windows = _varied(known, batch)
            plain = version.forecast(PLAIN, expected, windows)
            for signature in expected.signatures:
                if signature != PLAIN:
                    other = version.forecast(signature, expected, windows)
                    _same(other, plain, f"{signature} and plain forecasts at batch size {batch}")
            kw = denormalise(plain[0], mean_kw=expected.load.mean, std_kw=expected.load.std)
            _same(kw / expected.load.std, wanted / expected.load.std, "known request and its forecast")
        _check_warmup(warmup, version, expected)


def warmup_requests(folder: Path) -> list[Any]:
    """The PredictRequests that a server replays when it loads the version.

    Raises ExportCheckError where they cannot be read.
    """
    try:
        records = list(tf.data.TFRecordDataset(str(folder / WARMUP_FILE)).as_numpy_iterator())
        return [prediction_log_pb2.PredictionLog.FromString(each).predict_log.request for each in records]
    except (tf.errors.OpError, DecodeError) as error:
        raise ExportCheckError(f"its warm-up requests cannot be read: {error}") from error


def _varied(window: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """A batch that starts with the window itself, then the same a little shifted, each row its own."""
    return window + np.linspace(0, 0.5, batch, dtype=np.float32)[:, np.newaxis, np.newaxis]


def _same(left: NDArray[Any], right: NDArray[Any], what: str) -> None:
    difference = float(np.abs(left - right).max())
    allowed = TOLERANCE * max(float(np.abs(right).max()), 1.0)
    if not difference <= allowed:
        raise ExportCheckError(f"{what} differ by {difference:.1e} (normalised; {allowed:.0e} allowed)")


def _check_warmup(requests: list[Any], version: LoadedVersion, expected: ForecastSpec) -> None:
    warmed = {
        request.inputs[expected.input].tensor_shape.dim[0].size
        for request in requests
        if request.model_spec.signature_name == COMPILED
    }
    cold = sorted(set(expected.batch_sizes) - warmed)
    if cold and COMPILED in expected.signatures:
        raise ExportCheckError(f"no warm-up request compiles batches of {', '.join(map(str, cold))}")
    for request in requests:
        definition = version.signatures.get(request.model_spec.signature_name)
        if definition is None or set(request.inputs) != set(definition.inputs):
            raise ExportCheckError(f"a warm-up request fits no signature: {request.model_spec}")
        for name, tensor in request.inputs.items():
            declared = definition.inputs[name]
            shape = tf.TensorShape(tensor.tensor_shape)
            if tensor.dtype != declared.dtype or not shape.is_compatible_with(declared.tensor_shape):
                raise ExportCheckError(
                    f"a warm-up request's {name} has shape {shape} or type unlike the model's"
                )
