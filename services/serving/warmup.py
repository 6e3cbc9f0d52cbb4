"""Replay of a version's own example requests, so that what is compiled on first use is compiled before."""

import logging
import time
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from grpc import StatusCode
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from services.serving.predict import DEFAULT_SIGNATURE, run
from services.serving.saved_model import SavedModel
from services.serving.status import StatusError, invalid

log = logging.getLogger(__name__)

FILE = "assets.extra/tf_serving_warmup_requests"
"""Where a version keeps them: a TFRecord of PredictionLog."""

MAX_RECORDS = 1000
"""TensorFlow Serving's limit."""


def replay(model: SavedModel, folder: Path) -> None:
    """Run every warm-up request of the version in `folder`; none is fine.

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
            _replay_one(model, PredictionLog.FromString(record))
    except (tf.errors.OpError, DecodeError) as error:
        raise StatusError(StatusCode.DATA_LOSS, f"Failed to read warmup record {count} of {path}") from error
    log.info("warmed %s up by %d requests in %.1f s", folder, count, time.monotonic() - started)


def _replay_one(model: SavedModel, record: PredictionLog) -> None:
    if record.WhichOneof("log_type") != "predict_log":
        raise invalid(f"Unsupported log_type for warmup: {record.WhichOneof('log_type')}")
    request = record.predict_log.request
    run(model, request.model_spec.signature_name or DEFAULT_SIGNATURE, request.inputs, request.output_filter)
