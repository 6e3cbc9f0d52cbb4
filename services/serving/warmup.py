"""Replay of a version's own example requests, so that what is compiled on first use is compiled before."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from grpc import StatusCode
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from services.serving import inference
from services.serving.predict import DEFAULT_SIGNATURE, run
from services.serving.repository import Model, Repository, ServedModel
from services.serving.saved_model import Arrays, Outputs, SavedModel
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
    count = asyncio.run(_replay(_InThisThread(model), path, iterations))
    log.info("warmed %s up by %d requests in %.1f s", folder, count, time.monotonic() - started)


class _InThisThread:
    """A model as the use cases know it, run where it is called."""

    def __init__(self, model: SavedModel) -> None:
        self.signatures = model.signatures
        self._model = model

    async def run(self, signature: str, inputs: Arrays) -> Outputs:
        return self._model.run(signature, inputs)


async def _replay(model: Model, path: Path, iterations: int) -> int:
    """How many records there were."""
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
                await _replay_one(model, PredictionLog.FromString(record))
    except (tf.errors.OpError, DecodeError) as error:
        raise StatusError(StatusCode.DATA_LOSS, f"Failed to read warmup record {count} of {path}") from error
    return count


async def _replay_one(model: Model, record: PredictionLog) -> None:
    request: Any
    match record.WhichOneof("log_type"):
        case "predict_log":
            request = record.predict_log.request
            signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
            await run(model, signature, request)
        case "classify_log":
            request = record.classify_log.request
            await inference.classify(_only(model, request.model_spec), request)
        case "regress_log":
            request = record.regress_log.request
            await inference.regress(_only(model, request.model_spec), request)
        case "multi_inference_log":
            request = record.multi_inference_log.request
            await inference.multi_inference(_only(model, *(t.model_spec for t in request.tasks)), request)
        case other:
            raise invalid(f"Unsupported log_type for warmup: {other}")


def _only(model: Model, *specs: ModelSpec) -> Repository:
    """A repository in which all of the specs, whatever was recorded in them, mean this model."""
    for spec in specs:
        spec.name = "warmup"
        spec.ClearField("version")
        spec.ClearField("version_label")
    return Repository({"warmup": ServedModel({0: model}, labels={})})
