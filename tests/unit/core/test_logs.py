"""One event is one line, whatever is in it; nobody who logs waits for whoever reads."""

import json
import logging
import os
import time

import pytest

from services.core.telemetry import calls, logs

HOSTILE = 'a\r\n{"level": "error", "event": "forged"}\x1b[2J\u2028\x85\x00"\\\ud800'


class Pipe:
    """A log that is read when the test says so."""

    def __init__(self, form):
        self._reading, writing = os.pipe()
        self.lines = logs.Lines(logs.formatter(form), writing)
        self.logger = logging.Logger("wattgate.test")
        self.logger.addHandler(self.lines)

    def read(self):
        self.lines.flush()
        return os.read(self._reading, 1 << 20).decode()

    def read_until(self, last):
        """The events up to one that is logged now."""
        read = ""
        told = False
        while f'"{last}"' not in read:
            read += os.read(self._reading, 1 << 16).decode()
            if not told and self.lines._waiting.qsize() < 900:
                self.logger.info(last)
                told = True
        return [json.loads(line)["event"] for line in read.splitlines()]


@pytest.fixture
def json_log():
    return Pipe("json")


@pytest.fixture
def text_log():
    return Pipe("text")


def only_line(written):
    assert written.endswith("\n")
    assert written.count("\n") == 1
    assert len(written.splitlines()) == 1
    return written[:-1]


def test_a_line_tells_when_what_and_where_from(json_log):
    json_log.logger.warning("model %s is gone", "gru", extra={"attempt": 2})
    line = json.loads(json_log.read())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning", "logger": "wattgate.test", "event": "model gru is gone", "attempt": 2
    }  # fmt: skip


async def test_a_line_names_the_call_it_is_about(json_log):
    calls.begin("order-66")
    json_log.logger.info("halfway")
    assert json.loads(json_log.read())["request_id"] == "order-66"


def test_what_callers_send_stays_inside_its_line_of_json(json_log):
    json_log.logger.info("user %s", HOSTILE, extra={"username": HOSTILE})
    line = json.loads(only_line(json_log.read()))
    assert line["event"] == f"user {HOSTILE}"
    assert line["username"] == HOSTILE


def test_what_callers_send_stays_inside_its_line_of_text(text_log):
    text_log.logger.info("user %s", HOSTILE, extra={"username": HOSTILE})
    line = only_line(text_log.read())
    assert "INFO wattgate.test: user a\\r\\n{" in line
    assert line.isprintable()


def test_an_exception_is_a_member_of_its_line(json_log):
    try:
        raise KeyError(HOSTILE)
    except KeyError:
        json_log.logger.exception("bug in %s", "/x")
    line = json.loads(only_line(json_log.read()))
    assert line["event"] == "bug in /x"
    assert "KeyError" in line["exception"]
    assert "test_logs.py" in line["exception"]


def test_an_exception_in_text_has_lines_of_its_own_that_nobody_can_forge(text_log):
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        text_log.logger.exception("bug")
    first, *others = text_log.read().rstrip("\n").split("\n")
    assert first.endswith("ERROR wattgate.test: bug")
    assert len(others) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_arguments_that_do_not_fit_cost_their_line_only(json_log):
    json_log.logger.info("%d of %d", "one")  # noqa: PLE1206
    json_log.logger.info("next")
    told, after = map(json.loads, json_log.read().splitlines())
    assert told["event"].startswith("%d of %d")
    assert after["event"] == "next"


def test_nobody_waits_for_a_log_that_is_not_read_and_what_is_dropped_is_counted(json_log, monkeypatch):
    monkeypatch.setattr(logs, "MOST_WAITING", 1000)
    longest_s = 0.0
    for i in range(3000):
        began = time.monotonic()
        json_log.logger.info("line %d: %s", i, "x" * 200)
        longest_s = max(longest_s, time.monotonic() - began)
    assert longest_s < 0.5
    # A pipe holds 64 KiB: some two hundred lines are in it, a thousand wait.
    dropped = json_log.lines.dropped
    assert 1500 < dropped < 2000
    events = json_log.read_until("end")
    assert sum(event.startswith("line ") for event in events) == 3000 - dropped
    told = [int(event.split()[0]) for event in events if event.endswith("lines of the log were dropped")]
    assert sum(told) == dropped


def test_the_end_of_the_process_does_not_wait_for_a_log_that_is_not_read(json_log):
    for _ in range(1000):
        json_log.logger.info("x" * 1000)
    began = time.monotonic()
    json_log.lines.flush()
    assert time.monotonic() - began < 3


def test_a_log_that_was_closed_harms_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    lines = logs.Lines(logs.formatter("json"), writing)
    logger = logging.Logger("wattgate.test")
    logger.addHandler(lines)
    logger.info("to nobody")
    lines.flush()
    assert lines.dropped == 1


def test_a_full_disk_loses_its_lines_and_nothing_else():
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - a handle, not a file's content
        lines = logs.Lines(logs.formatter("json"), full.fileno())
        logger = logging.Logger("wattgate.test")
        logger.addHandler(lines)
        for _ in range(3):
            logger.info("lost")
        lines.flush()
        assert lines.dropped == 3
