"""`make bench-frameworks` by those engines that need no environment of their own."""

import pytest

from tests.benchmarks import frameworks_report, runs
from tests.benchmarks.frameworks import Measured
from tests.benchmarks.noise import noise


def test_the_report_has_every_design_with_both_files():
    n = 4
    run = runs.run("frameworks", "--n", str(n), "--engines", "tfserving", "fastapi")
    assert run.returncode == 0, run.stderr
    report, samples = runs.read("frameworks")
    assert report["n"] == n
    both = {"tfserving": ["plain", "compiled"], "fastapi": ["plain", "compiled"]}
    assert set(report["engines"]) == {*both, "reference"}
    for name, kinds in {**both, "reference": ["plain"]}.items():
        for kind in kinds:
            one = report["engines"][name][kind]
            assert len(samples[f"{name}_{kind}"]) == n
            assert 0 < one["min_ms"] <= one["p50_ms"] <= one["max_ms"]
            assert min(one[key] for key in ("cpu_ms", "memory_mb", "start_s")) > 0
    assert report["fastapi_plain_over_tfserving_compiled"] > 0
    assert report["not_measured"].startswith("TorchServe")
    assert "TorchServe is not measured" in run.stdout
    assert "2,271" in run.stdout  # the thesis' figure beside ours


def test_what_could_not_be_measured_is_told_with_the_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(frameworks_report, "_version", lambda _name: "1.0")
    measured = {("tfserving", "compiled"): Measured([0.004, 0.005], 0.003, 10**8, 3.0)}
    frameworks_report.report(measured, {"triton, plain": "did not start: no libpython"}, n=2)
    shown = capsys.readouterr().out
    assert "triton, plain did not start: no libpython" in shown
    assert (tmp_path / "build/bench/frameworks.png").exists()


def test_an_unknown_engine_ends_it():
    run = runs.run("frameworks", "--engines", "torchserve")
    assert run.returncode == 2
    assert "torchserve" in run.stderr


@pytest.mark.parametrize(
    ("ours", "theirs", "is_steady"),
    [
        ([1.0] * 4 + [1.0] * 4, [2.0] * 8, True),
        ([1.0] * 4 + [1.05] * 4, [2.0] * 8, True),
        ([1.0] * 4 + [1.2] * 4, [2.0] * 8, False),
        ([1.0] * 4 + [1.5] * 4, [2.0] * 4 + [3.0] * 4, True),  # the whole machine slowed down
    ],
)
def test_a_run_whose_halves_disagree_is_called_noisy(ours, theirs, is_steady):
    said = noise({"ours": ours, "theirs": theirs})
    assert (said is None) == is_steady
    assert is_steady or "ours over theirs" in said


def test_one_sample_proves_nothing():
    assert noise({"ours": [1.0]}) is None
