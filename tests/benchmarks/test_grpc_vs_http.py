"""The benchmark measures what it says, at a size too small to mean anything."""

import csv
import json
import subprocess
import sys

import pytest

from tests.benchmarks.measure import figures
from tests.data import REPOSITORY


def test_figures_are_of_the_samples_in_milliseconds():
    found = figures([0.001, 0.002, 0.003, 0.010])
    assert (found["mean_ms"], found["min_ms"], found["max_ms"], found["p50_ms"]) == (4.0, 1.0, 10.0, 2.5)
    assert found["std_ms"] == pytest.approx(3.5355, abs=1e-4)


def test_the_report_has_both_protocols_and_every_sample():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.grpc_vs_http", "--n", "4"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads((REPOSITORY / "build/bench/grpc-vs-http.json").read_text())
    assert report["n"] == 4
    with (REPOSITORY / report["samples_file"]).open() as file:
        samples = list(csv.DictReader(file))
    for protocol in ("grpc", "http"):
        own = [float(sample["ms"]) / 1000 for sample in samples if sample["series"] == protocol]
        assert len(own) == 4
        assert report["protocols"][protocol] == pytest.approx(figures(own), abs=0.001)
    p50 = {name: values["p50_ms"] for name, values in report["protocols"].items()}
    assert report["http_over_grpc_p50"] == pytest.approx(p50["http"] / p50["grpc"], abs=0.001)
    assert "691.3" in answer.stdout
