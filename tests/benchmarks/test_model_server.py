"""The benchmark measures what it says, at a size too small to mean anything."""

import csv
import json
import subprocess
import sys

import pytest

from tests.benchmarks.measure import figures
from tests.data import REPOSITORY


def test_the_report_has_every_way_and_every_load():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.model_server", "--n", "10"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads((REPOSITORY / "build/bench/model-server.json").read_text())
    assert report["n"] == 10
    with (REPOSITORY / report["samples_file"]).open() as file:
        samples = list(csv.DictReader(file))
    own = {}
    for sample in samples:
        own.setdefault(sample["series"], []).append(float(sample["ms"]) / 1000)
    assert {name: len(values) for name, values in own.items()} == dict.fromkeys(
        ("in_process", "grpc", "rest", "alone_1", "alone_32", "batched_1", "batched_32"), 10
    )
    for name in ("in_process", "grpc", "rest"):
        assert report[f"{name}_p50_ms"] == pytest.approx(figures(own[name])["p50_ms"], abs=0.001)
    assert report["grpc_over_in_process"] == pytest.approx(
        report["grpc_p50_ms"] / report["in_process_p50_ms"], abs=0.001
    )
    for name, found in report["throughput"].items():
        assert found["requests_per_s"] > 0
        assert found["p99_ms"] == pytest.approx(figures(own[name])["p99_ms"], abs=0.001)
    assert (REPOSITORY / "build/bench/model-server.png").exists()
    assert "requests/s" in answer.stdout
