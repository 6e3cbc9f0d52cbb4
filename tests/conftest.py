"""Settings every test runs under."""

import os
import tempfile
from pathlib import Path

import pytest

# TensorFlow greets on standard error, in every process that imports it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_COMPILED = tempfile.TemporaryDirectory(prefix="compiled-models-")
# The same models are compiled once for all of the model servers that tests start, two seconds each.
os.environ.setdefault("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={_COMPILED.name}")

_ALONE = [Path(__file__).parent / folder for folder in ("benchmarks", "e2e", "integration/faults")]


def pytest_collection_modifyitems(items):
    """What needs the machine or the usual ports to itself runs beside nothing else."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _ALONE):
            item.add_marker(pytest.mark.alone)
