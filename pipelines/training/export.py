"""From a trained Keras model to a version of a model repository."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from pipelines.spec import SIGNATURE, ForecastSpec

PLAIN = "serving_default"
"""Signature that runs on every server."""
COMPILED = "compiled"
"""The same forecast as one XLA kernel per batch size."""
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def export_model(model: Any, spec: ForecastSpec, folder: Path) -> None:
    """Write a Keras model as `export` does."""
    export(lambda window: model(window, training=False), model, model.name, spec, folder)


def export(network: Callable[[Any], Any], resource: Any, name: str, spec: ForecastSpec, folder: Path) -> None:
    """Write a SavedModel with the forecasting signatures that the spec names, the spec and warm-up requests.

    `network` makes forecasts, (batch, horizon), of windows, (batch, window, feature), both normalised;
    `resource` holds its variables; `name` is that of the model it will be served as.
    """
    shape = (None, spec.window, len(spec.features))
    window = tf.TensorSpec(shape, tf.float32, name=spec.input)
    document = spec.model_dump_json()

    def forecast(window: Any) -> dict[str, Any]:
        return {spec.output: network(window)}

    archive = keras.export.ExportArchive()
    archive.track(resource)
    archive.add_endpoint(PLAIN, forecast, input_signature=[window])
    if COMPILED in spec.signatures:
        compiled = tf.function(forecast, input_signature=[window], jit_compile=True, autograph=False)
        archive.add_endpoint(COMPILED, compiled, input_signature=[window])
    archive.add_endpoint(SIGNATURE, lambda: {SIGNATURE: tf.constant(document)}, input_signature=[])
    options = tf.saved_model.SaveOptions(experimental_debug_stripper=True)
    archive.write_out(folder, options=options, verbose=False)
    _write_warmup(name, spec, folder / WARMUP_FILE)


def _write_warmup(name: str, spec: ForecastSpec, file: Path) -> None:
    """Requests a server replays at load, so that no caller waits for the compiler."""
    file.parent.mkdir()
    compiled = spec.batch_sizes if COMPILED in spec.signatures else ()
    calls = [(PLAIN, spec.batch_sizes[0]), *((COMPILED, batch) for batch in compiled)]
    with tf.io.TFRecordWriter(str(file)) as records:
        for signature, batch in calls:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            tensor = request.inputs[spec.input]
            tensor.dtype = tf.float32.as_datatype_enum
            for size in (batch, spec.window, len(spec.features)):
                tensor.tensor_shape.dim.add(size=size)
            tensor.float_val.append(0.0)  # one value fills the whole tensor: the file stays small
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            records.write(log.SerializeToString(deterministic=True))


def write_version(repository: Path, name: str, write: Callable[[Path], None]) -> Path:
    """Write the next version of a model: all of it or nothing, and never over another one.

    `write` fills a folder beside the versions, where no server looks; only when it returns does the
    folder get its number. Versions count up from 1.
    """
    home = repository / name
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
    try:
        write(draft)
        draft.chmod(0o755)  # a server may run as another user
        version = max((int(entry.name) for entry in home.iterdir() if entry.name.isdecimal()), default=0) + 1
        return draft.rename(home / str(version))
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
