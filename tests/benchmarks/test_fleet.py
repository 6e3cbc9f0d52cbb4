"""The benchmark measures what it says, at a size too small to mean anything."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.data import REPOSITORY


def test_the_report_has_every_way():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.fleet", "--n", "500"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads((REPOSITORY / "build/bench/fleet.json").read_text())
    with (REPOSITORY / report["samples_file"]).open() as file:
        samples = {}
        for sample in csv.DictReader(file):
            samples.setdefault(sample["series"], []).append(float(sample["ms"]))
    ms = {name: float(np.median(values)) for name, values in samples.items()}
    assert ms.keys() == {"single", "stream", "direct"}
    for name, value in ms.items():
        assert report[f"{name}_ms_per_window"] == pytest.approx(value, abs=0.001)
    assert report["single_over_stream"] == pytest.approx(ms["single"] / ms["stream"], rel=0.01)
    assert report["stream_share_of_direct"] == pytest.approx(ms["direct"] / ms["stream"], rel=0.01)
    assert report["fleet_s"] == pytest.approx(ms["stream"] * report["fleet"] / 1000, rel=0.01)
