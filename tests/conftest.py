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

_NOBODYS = tempfile.TemporaryDirectory(prefix="home-")
# Commands find neither the settings nor the logins of whoever runs the tests.
os.environ.update(XDG_CONFIG_HOME=_NOBODYS.name, XDG_STATE_HOME=_NOBODYS.name)

_FAULTS = Path(__file__).parent / "integration" / "faults"
_COMPOSE = Path(__file__).parent / "compose"


def pytest_collection_modifyitems(items):
    """What breaks networks and servers judges by time, all of it; what is composed needs an engine."""
    for item in items:
        if item.path.is_relative_to(_FAULTS):
            item.add_marker(pytest.mark.alone)
        if item.path.is_relative_to(_COMPOSE):
            item.add_marker(pytest.mark.containers)
