"""Benchmarks as their tests run them, and what they keep."""

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.data import REPOSITORY

_FOLDER = tempfile.TemporaryDirectory(prefix="bench-")
OUT = Path(_FOLDER.name)
"""Where what tests find is kept: apart from what somebody measured."""
TIMEOUT_S = 300


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A benchmark by the name of its report, with arguments."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name.replace('-', '_')}", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "BENCH_OUT": str(OUT), **environment},
        timeout=TIMEOUT_S,
        capture_output=True,
        text=True,
        check=False,
    )


def read(name: str) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Its report, and its samples by series, s."""
    report = json.loads((OUT / f"{name}.json").read_text())
    samples: dict[str, list[float]] = {}
    with gzip.open(report["samples_file"], "rt") as file:
        for sample in csv.DictReader(file):
            samples.setdefault(sample["series"], []).append(float(sample["ms"]) / 1000)
    return report, samples
