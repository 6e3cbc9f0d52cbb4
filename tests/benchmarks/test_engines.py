"""Other engines: what a folder holds, how one is called, installed and reported. None is installed here."""

import gzip
import json
import sys

import numpy as np
import pytest

from tests.benchmarks import model_server_report
from tests.benchmarks.closed_loop import Load
from tests.benchmarks.engines import engine
from tests.benchmarks.measure import by_turns
from tests.benchmarks.servers import StartError, listening
from tests.data import REPOSITORY

OTHER = "# another lock\nno-such-package-anywhere==1.0 --hash=sha256:" + "0" * 64 + "\n"


@pytest.mark.parametrize("name", engine.ENGINES)
def test_every_engine_is_pinned_with_hashes_and_without_addresses(name):
    lock = (REPOSITORY / engine.ENGINES[name].lock).read_text()
    assert "://" not in lock
    entries = lock.replace("\\\n", "").splitlines()
    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    # The same model by the same TensorFlow.
    assert "\ntensorflow-cpu==2.20.0 ; " in lock


def test_an_environment_is_made_once_for_a_lock_and_failure_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    lock = tmp_path / "lock.txt"
    lock.write_text("# nothing\n")
    monkeypatch.setitem(engine.ENGINES, "bare", engine.Engine(engine.TRITON, lock))
    told = []
    python = engine.environment("bare", told.append, within=tmp_path)
    assert python.exists()
    assert len(told) == 1
    engine.environment("bare", told.append, within=tmp_path)
    assert len(told) == 1

    lock.write_text(OTHER)
    for _ in range(2):  # a half made environment does not count
        with pytest.raises(engine.EngineError, match=r"could not be installed: .*no-such-package-anywhere"):
            engine.environment("bare", told.append, within=tmp_path)


def test_a_server_that_ends_before_it_listens_says_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('there is no model')"]
    with (
        pytest.raises(StartError, match="there is no model"),
        listening(command, port=1, log=tmp_path / "log"),
    ):
        pytest.fail("it listens")


def test_calls_take_turns_and_must_answer_the_same():
    order = []

    def call(name, answer):
        return lambda: order.append(name) or np.float32([answer])

    calls = {"ours": call("ours", 1), "theirs": call("theirs", 1.000001)}
    samples_s = by_turns(calls, 3, tolerances={"theirs": 1e-5})
    assert {name: len(samples) for name, samples in samples_s.items()} == {"ours": 3, "theirs": 3}
    assert order[-6:] == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    with pytest.raises(AssertionError, match="theirs"):
        by_turns(calls, 3)
    with pytest.raises(AssertionError, match="theirs"):
        by_turns(calls, 3, tolerances={"theirs": 1e-7})


def test_the_report_names_the_engines_that_were_measured_and_those_that_were_not(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    loads = {}
    for name in ("alone_1", "alone_32", "batched_1", "batched_32"):
        loads[name] = Load()
        loads[name].latencies_s, loads[name].seconds = [0.002, 0.004], 1.0
    ours_s = {"in_process": [0.001], "grpc": [0.002], "rest": [0.004]}
    model_server_report.report(
        {**ours_s, "quick": [0.003]},
        loads,
        model="gru",
        signature="compiled",
        n=1,
        engines=["quick", "absent"],
        missing={"absent": "could not be installed: no registry"},
    )
    report = json.loads((tmp_path / "build/bench/model-server.json").read_text())
    assert report["engines"]["quick"]["p50_ms"] == 3.0
    assert report["quick_over_grpc"] == 1.5
    assert report["engines"]["absent"] == {"missing": "could not be installed: no registry"}
    assert report["absent_over_grpc"] is None
    with gzip.open(tmp_path / report["samples_file"], "rt") as samples:
        assert "quick,0,3.0" in samples.read()
    assert (tmp_path / "build/bench/model-server.png").exists()
    shown = capsys.readouterr().out
    assert "1.50" in shown
    assert "absent could not be installed: no registry" in shown
