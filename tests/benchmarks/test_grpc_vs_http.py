"""The benchmark measures what it says, at a size too small to mean anything."""

import numpy as np
import pytest

from tests.benchmarks.measure import cpu_ms, figures
from tests.benchmarks.runs import read, run
from tests.benchmarks.servers import model_server

NAME = "grpc-vs-http"


def test_figures_are_of_the_samples_in_milliseconds():
    found = figures([0.001, 0.002, 0.003, 0.010])
    assert (found["mean_ms"], found["min_ms"], found["max_ms"], found["p50_ms"]) == (4.0, 1.0, 10.0, 2.5)
    assert found["std_ms"] == pytest.approx(3.5355, abs=1e-4)


def test_processor_time_is_that_of_the_call_that_takes_it():
    def busy():
        for _ in range(200_000):
            pass

    used = cpu_ms({"busy": busy, "idle": lambda: None}, 10, None)
    assert used["busy"] > 10 * used["idle"]


def test_the_report_has_both_protocols_their_parts_and_every_sample():
    answer = run(NAME, "--n", "5")
    assert answer.returncode == 0, answer.stderr
    report, samples = read(NAME)
    assert report["n"] == 5
    for protocol in ("grpc", "http"):
        found = report["protocols"][protocol]
        assert len(samples[protocol]) == 5
        assert {name: found[name] for name in figures([1])} == pytest.approx(
            figures(samples[protocol]), abs=0.001
        )
        for part in ("encode", "decode", "empty", "fresh"):
            own = samples[f"{protocol}_{part}"]
            assert len(own) == 5
            assert report["breakdown"][protocol][f"{part}_ms"] == pytest.approx(
                np.median(own) * 1000, abs=0.001
            )
        assert found["cpu_ms"] > 0
        for callers in (1, 4, 16):
            assert report["concurrency"][f"{protocol}_{callers}"]["requests_per_s"] > 0
    assert report["cpu_of"] == ["client", "server"]
    # A window of 672 rows of 7 numbers: four bytes each, or their digits.
    assert 4 * 672 * 7 < report["protocols"]["grpc"]["request_bytes"] < 4 * 672 * 7 + 200
    assert report["protocols"]["http"]["request_bytes"] > 2 * report["protocols"]["grpc"]["request_bytes"]
    p50 = {name: values["p50_ms"] for name, values in report["protocols"].items()}
    assert report["http_over_grpc_p50"] == pytest.approx(p50["http"] / p50["grpc"], abs=0.001)
    assert "691.3" in answer.stdout


def test_another_server_is_measured_where_it_is(tmp_path):
    with model_server(tmp_path / "log") as served:
        answer = run(
            NAME, *("--n", "5", f"--target=127.0.0.1:{served.grpc}", f"--rest-target=127.0.0.1:{served.rest}")
        )
    assert answer.returncode == 0, answer.stderr
    assert read(NAME)[0]["cpu_of"] == ["client"]
    assert "go together" in run(NAME, "--target=127.0.0.1:1").stderr
