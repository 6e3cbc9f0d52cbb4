"""The specs of the shipped models, read from their files without TensorFlow."""

import json

from pipelines.spec import ForecastSpec
from tests.data import MODELS

NAMES = tuple(sorted(folder.name for folder in MODELS.iterdir()))


def spec_of(model: str) -> ForecastSpec:
    """The forecast spec inside version 1 of a model."""
    graph = (MODELS / model / "1" / "saved_model.pb").read_bytes()
    document = graph[graph.index(b'{"format"') :].decode(errors="replace")
    return ForecastSpec.model_validate(json.JSONDecoder().raw_decode(document)[0])
