"""`make bench-load` in small, and the load that does not wait."""

import asyncio
import time

import numpy as np
import pytest

from tests.benchmarks import runs
from tests.benchmarks.open_loop import capacity_per_s, offer, times_due_s
from tests.benchmarks.servers import shipped_pair
from wattgate import Client


async def test_latency_counts_from_when_a_call_was_due():
    """One server that answers one call at a time, 10 ms each, and stops for half a second in the middle."""
    busy = asyncio.Lock()
    stops_s = time.perf_counter() + 0.5

    async def call():
        async with busy:
            if stops_s <= time.perf_counter() < stops_s + 0.5:
                time.sleep(0.5)  # noqa: ASYNC251 - nobody can send meanwhile either
            await asyncio.sleep(0.01)
        return "answered"

    point = await offer(call, per_s=40, seconds=2)
    assert point.results["answered"] == len(point.latencies_s) == 80
    # Those that were due meanwhile waited, each for what was left: a caller who waits would have seen one.
    assert sum(latency > 0.1 for latency in point.latencies_s) >= 8


async def test_a_server_that_answers_nothing_is_offered_all_the_same():
    point = await offer(lambda: asyncio.sleep(0.3, "lost"), per_s=100, seconds=0.5)
    assert point.results == {"lost": 50}
    assert point.latencies_s == []
    assert point.goodput_per_s == 0
    assert "p99_ms" not in point.figures()


def test_times_due_are_random_at_the_rate_and_the_same_each_time():
    due_s = times_due_s(50, 4)
    assert due_s == times_due_s(50, 4) != times_due_s(50, 4, seed=2)
    assert len(due_s) == 200
    assert due_s[-1] == pytest.approx(4)
    gaps_s = np.diff(due_s)
    assert gaps_s.min() >= 0
    assert gaps_s.std() == pytest.approx(1 / 50, rel=0.2)  # as of a Poisson process, not of a clock


async def test_capacity_is_what_callers_who_wait_get():
    async def call():
        await asyncio.sleep(0.02)
        return "answered"

    assert 0 < await capacity_per_s(call, callers=4, seconds=0.5) <= 200


@pytest.fixture(scope="module")
def small():
    """One setup, a fifth of a second at each rate."""
    run = runs.run("load", "--seconds", "0.2", "--setups", "one of each")
    assert run.returncode == 0, run.stderr
    return run, *runs.read("load")


def test_the_report_has_every_way_at_every_rate(small):
    run, report, samples = small
    assert set(report["setups"]) == {"one of each"}
    ways = report["setups"]["one of each"]
    assert set(ways) == {"model server", "gRPC", "HTTPS"}
    for way in ways.values():
        assert way["capacity_per_s"] > 0
        assert len(way["points"]) == 7
        for point in way["points"]:
            assert sum(point["results"].values()) == point["sent"] > 0
    assert sum(map(len, samples.values())) > 0
    assert "due a second" in run.stdout


def test_a_gateway_that_runs_already_is_measured_where_it_is():
    with shipped_pair() as (pair, _):
        demo = pair.demo()
        with Client(
            demo.https, username=demo.username, password=demo.password, ca_file=demo.ca_file
        ) as client:
            token = client.login().access_token
        where = ("--target", demo.https, "--grpc-target", demo.grpc, "--ca-file", demo.ca_file)
        run = runs.run("load", "--seconds", "0.1", *where, WATTGATE_TOKEN=token)
        refused = runs.run("load", "--seconds", "0.1", *where, WATTGATE_TOKEN="no token")
    assert run.returncode == 0, run.stderr
    report, _ = runs.read("load")
    assert set(report["setups"]["localhost"]) == {"gRPC", "HTTPS"}
    assert refused.returncode == 1
    assert "no call was answered. Is the token still good" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "0"], "above 0"),
        (["--target", "http://plain.example"], "https://"),
        (["--target", "https://gateway.example"], "WATTGATE_TOKEN"),
        (
            ["--target", "https://gateway.example", "--token", "x", "--ca-file", "nowhere"],
            "there is no nowhere",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_told(arguments, said):
    run = runs.run("load", *arguments)
    assert run.returncode == 2
    assert said in run.stderr
