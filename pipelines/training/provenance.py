"""What a training run was made of, so that it can be told apart and done again."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipelines.preprocessing.series import LoadSeries

_PIPELINES = Path(__file__).parents[1]


def data_sha256(series: LoadSeries) -> str:
    """Hash of the values themselves, whatever file they came in: times, int64 seconds, then kW, float64."""
    digest = hashlib.sha256(series.times_s.astype("<i8").tobytes())
    digest.update(series.kw.astype("<f8").tobytes())
    return digest.hexdigest()


def code_version() -> str:
    """The release, and a hash of what trains: it tells changes that no release has yet."""
    digest = hashlib.sha256()
    for file in sorted(_PIPELINES.rglob("*.py")):
        digest.update(file.relative_to(_PIPELINES).as_posix().encode())
        digest.update(file.read_bytes())
    return f"{version('wattgate')} sha256:{digest.hexdigest()}"


def package_versions() -> dict[str, str]:
    """Versions of what the weights depend on, by name."""
    return {"keras": keras.__version__, "numpy": np.__version__, "tensorflow": tf.__version__}
