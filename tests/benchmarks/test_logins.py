"""The benchmark measures what it says, at a size too small to mean anything."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from tests.data import REPOSITORY


def test_the_report_has_every_kind_and_every_outcome():
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.logins", "--n", "6", "--logins", "8"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads((REPOSITORY / "build/bench/logins.json").read_text())
    with (REPOSITORY / report["samples_file"]).open() as file:
        samples = {}
        for sample in csv.DictReader(file):
            samples.setdefault(sample["series"], []).append(float(sample["ms"]))
    assert {name: len(samples[name]) for name in ("unknown", "wrong", "disabled", "login")} == {
        "unknown": 6,
        "wrong": 6,
        "disabled": 6,
        "login": 8,
    }
    ratio = np.median(samples["unknown"]) / np.median(samples["wrong"])
    assert report["unknown_over_wrong"] == pytest.approx(ratio, rel=0.01)
    assert report["outcomes"]["login"] == {"200": 8}
    assert report["outcomes"]["livez"].keys() == report["outcomes"]["forecast"].keys() == {"200"}
    assert sum(report["outcomes"]["livez"].values()) == len(samples["livez"])
