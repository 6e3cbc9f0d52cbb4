"""The benchmark measures what it says, at a size too small to mean anything."""

import pytest

from tests.benchmarks import runs
from tests.benchmarks.measure import figures
from tests.benchmarks.runs import read, run

FIELDS = [
    "machine",
    "n",
    "direct_grpc_p50_ms",
    "tls_echo_p50_ms",
    "grpc_edge_p50_ms",
    "https_edge_p50_ms",
    "https_legacy_p50_ms",
    "grpc_over_direct",
    "https_over_direct",
    "https_over_floor",
    "rows_35040_extra_ms",
    "gateway_rss_mb",
    "gateway_ready_s",
    "samples_file",
]
RUNGS = ["direct_grpc", "tls_echo", "grpc_edge", "https_edge", "https_legacy"]


def test_the_report_has_every_rung_and_every_target():
    plot = runs.OUT / "edge.png"
    plot.unlink(missing_ok=True)
    answer = run("edge", "--n", "5")
    assert answer.returncode == 0, answer.stderr
    report, own = read("edge")
    assert list(report) == FIELDS
    assert report["n"] == 5
    p50 = {name: figures(values)["p50_ms"] for name, values in own.items()}
    for name in RUNGS:
        assert len(own[name]) == 5
        assert report[f"{name}_p50_ms"] == pytest.approx(p50[name], abs=0.001)
    for name, ratio in {
        "grpc_over_direct": p50["grpc_edge"] / p50["direct_grpc"],
        "https_over_direct": p50["https_edge"] / p50["direct_grpc"],
        "https_over_floor": p50["https_edge"] / (p50["tls_echo"] + p50["direct_grpc"]),
    }.items():
        assert report[name] == pytest.approx(ratio, abs=0.002)
    assert report["rows_35040_extra_ms"] == pytest.approx(p50["https_35040"] - p50["https_672"], abs=0.001)
    assert report["gateway_rss_mb"] > 20
    assert report["gateway_ready_s"] > 0
    assert plot.stat().st_size > 10_000
    for part in ("TLS and HTTP", "multipart", "token", "parse", "hop out (derived)", "model", "reply"):
        assert part in answer.stdout
    assert "1.35" in answer.stdout
