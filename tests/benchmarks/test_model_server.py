"""The benchmark measures what it says, at a size too small to mean anything."""

import pytest

from tests.benchmarks import runs
from tests.benchmarks.measure import figures
from tests.benchmarks.runs import read, run


def test_the_report_has_every_way_and_every_load():
    answer = run("model-server", "--n", "10")
    assert answer.returncode == 0, answer.stderr
    report, own = read("model-server")
    assert report["n"] == 10
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
    assert (runs.OUT / "model-server.png").exists()
    assert "requests/s" in answer.stdout
