"""Benchmarks as their tests run them, and what they keep."""

import csv
import gzip
import json
import subprocess
import sys
from typing import Any

from tests.data import REPOSITORY


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A benchmark by the name of its report, with arguments."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name.replace('-', '_')}", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def read(name: str) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Its report, and its samples by series, s."""
    report = json.loads((REPOSITORY / f"build/bench/{name}.json").read_text())
    samples: dict[str, list[float]] = {}
    with gzip.open(REPOSITORY / report["samples_file"], "rt") as file:
        for sample in csv.DictReader(file):
            samples.setdefault(sample["series"], []).append(float(sample["ms"]) / 1000)
    return report, samples
