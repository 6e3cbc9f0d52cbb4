"""The benchmark measures what it says, at a size too small to mean anything."""

import numpy as np
import pytest

from tests.benchmarks.runs import read, run


def test_the_report_has_every_way():
    answer = run("fleet", "--n", "500")
    assert answer.returncode == 0, answer.stderr
    report, samples = read("fleet")
    ms = {name: float(np.median(values)) * 1000 for name, values in samples.items()}
    assert ms.keys() == {"single", "stream", "direct"}
    for name, value in ms.items():
        assert report[f"{name}_ms_per_window"] == pytest.approx(value, abs=0.001)
    assert report["single_over_stream"] == pytest.approx(ms["single"] / ms["stream"], rel=0.01)
    assert report["stream_share_of_direct"] == pytest.approx(ms["direct"] / ms["stream"], rel=0.01)
    assert report["fleet_s"] == pytest.approx(ms["stream"] * report["fleet"] / 1000, rel=0.01)
