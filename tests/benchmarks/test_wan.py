"""`make bench-wan` in small, over a link of packets where there can be one and through a proxy."""

import pytest

from tests.benchmarks import runs, wan_link

WAYS = {"https_kept", "grpc_kept", "https_new", "grpc_new"}


def test_a_round_trip_costs_kept_connections_one_and_new_ones_three_or_more():
    if not wan_link.is_permitted():
        pytest.skip("no network namespace and TUN device to be had here")
    links = {"no delay", "20 ms"}
    run = runs.run("wan", "--n", "3", "--links", *links)
    assert run.returncode == 0, run.stderr
    report, samples = runs.read("wan")
    assert report["how"] == "packets delayed and lost"
    assert set(report["links"]) == links
    assert set(samples) == {f"{link}: {way}" for link in links for way in WAYS}
    late = {way: found["min_ms"] for way, found in report["links"]["20 ms"]["ways"].items()}
    assert min(late["https_kept"], late["grpc_kept"]) >= 20
    # TCP, TLS, and the call itself.
    assert min(late["https_new"], late["grpc_new"]) >= 60
    near = report["links"]["no delay"]["ways"]
    assert all(near[way]["min_ms"] < late[way] for way in WAYS)
    assert "2,859" in run.stdout  # the thesis' figure beside ours


def test_elsewhere_a_proxy_makes_answers_late():
    run = runs.run("wan", "--n", "2", "--by-proxy", "--links", "20 ms", "20 ms, 1 % lost")
    assert run.returncode == 0, run.stderr
    report, _ = runs.read("wan")
    assert report["how"] == "answers delayed"
    assert set(report["links"]) == {"20 ms"}  # a proxy loses nothing
    assert all(found["min_ms"] >= 20 for found in report["links"]["20 ms"]["ways"].values())
    assert runs.run("wan", "--by-proxy", "--links", "20 ms, 1 % lost").returncode == 1


@pytest.mark.parametrize(
    "arguments", [["--n", "0"], ["--links", "the moon"], ["--target", "https://x.example"]]
)
def test_arguments_that_make_no_sense_end_it(arguments):
    assert runs.run("wan", *arguments).returncode == 2
