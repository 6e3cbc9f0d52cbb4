"""Replay of a version's own example requests, so that what is compiled on first use is compiled before."""

import logging
import time
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from grpc import StatusCode
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from services.serving import inference
from services.serving.predict import DEFAULT_SIGNATURE, run
from services.serving.repository import Repository, ServedModel
from services.serving.saved_model import SavedModel
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

FILE = "assets.extra/tf_serving_warmup_requests"
"""Where a version keeps them: a TFRecord of PredictionLog."""

MAX_RECORDS = 1000
"""TensorFlow Serving's limit."""


def replay(model: SavedModel, folder: Path, *, iterations: int) -> None:
    """Run every warm-up request of the version in `folder`, each `iterations` times; none is fine.

    Raises StatusError when a record cannot be read or run: such a version must not become available.
    """
    path = folder / FILE
    if not path.is_file():
        return
    started = time.monotonic()
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            count += 1
            if count > MAX_RECORDS:
                raise StatusError(
                    StatusCode.INTERNAL,
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}",
                )
            for _ in range(iterations):
                _replay_one(model, PredictionLog.FromString(record))
    except (tf.errors.OpError, DecodeError) as error:
        raise StatusError(StatusCode.DATA_LOSS, f"Failed to read warmup record {count} of {path}") from error
    log.info("warmed %s up by %d requests in %.1f s", folder, count, time.monotonic() - started)


def _replay_one(model: SavedModel, record: PredictionLog) -> None:
    match record.WhichOneof("log_type"):
        case "predict_log":
            request = record.predict_log.request
            signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
            run(model, signature, request.inputs, request.output_filter)
        case "classify_log":
            inference.classify(
                _only(model, record.classify_log.request.model_spec), record.classify_log.request
            )
        case "regress_log":
            inference.regress(_only(model, record.regress_log.request.model_spec), record.regress_log.request)
        case "multi_inference_log":
            tasks = record.multi_inference_log.request
            inference.multi_inference(_only(model, *(task.model_spec for task in tasks.tasks)), tasks)
        case other:
            raise invalid(f"Unsupported log_type for warmup: {other}")


def _only(model: SavedModel, *specs: ModelSpec) -> Repository:
    """A repository in which all of the specs, whatever was recorded in them, mean this model."""
    for spec in specs:
        spec.name = "warmup"
        spec.ClearField("version")
        spec.ClearField("version_label")
    return Repository({"warmup": ServedModel({0: model}, labels={})})
