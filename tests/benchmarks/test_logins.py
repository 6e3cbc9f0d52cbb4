"""The benchmark measures what it says, at a size too small to mean anything."""

import numpy as np
import pytest

from tests.benchmarks.runs import read, run


def test_the_report_has_every_kind_and_every_outcome():
    answer = run("logins", "--n", "6", "--logins", "8")
    assert answer.returncode == 0, answer.stderr
    report, samples = read("logins")
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
