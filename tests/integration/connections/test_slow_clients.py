"""Whoever takes for ever over a request is hung up on, and meanwhile keeps nobody else waiting."""

import contextlib
import itertools
import socket
import time

import pytest

from services.local.pair import HOST
from tests.integration.connections.gateways import LoneGateway
from tests.integration.connections.raw import answers, connect, until_closed, upload_head

pytestmark = pytest.mark.alone

PATIENCE_S, UPLOAD_S = 1.0, 3.0
SOON_S = 1.5
"""For the gateway to look, and to wait for a farewell."""
HEAD = b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def hurried(home):
    with LoneGateway(home, client_timeout_s=PATIENCE_S, upload_timeout_s=UPLOAD_S) as gateway:
        yield gateway


def send_slowly(gateway, start: bytes, piece: bytes, every_s: float = 0.1):
    """All that is answered before the other side closes, and how long that took, s."""
    with connect(gateway) as connection:
        connection.settimeout(every_s)
        began = time.monotonic()
        received = b""
        for sent in itertools.chain([start], itertools.repeat(piece)):
            assert time.monotonic() - began < 15
            try:
                connection.sendall(sent)
                if not (more := connection.recv(65536)):
                    break
                received += more
            except TimeoutError:
                continue
            except OSError:
                break
        return answers(received), time.monotonic() - began


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"G", b""),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Filler: ", b"x"),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n", b"X-Filler: x\r\n"),
        (b"\r\n", b"\r\n"),
    ],
)
def test_a_head_that_does_not_end_is_a_408(hurried, start, piece):
    [answer], took_s = send_slowly(hurried, start, piece)
    assert answer.status == 408
    assert answer.headers["content-type"] == "application/problem+json"
    assert PATIENCE_S <= took_s < PATIENCE_S + SOON_S


def test_a_second_head_that_does_not_end_is_a_408_too(hurried):
    first = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    (good, late), took_s = send_slowly(hurried, first + b"GET /", b"x")
    assert (good.status, late.status) == (200, 408)
    assert took_s < PATIENCE_S + SOON_S


@pytest.mark.parametrize("framing", [b"Content-Length: 8000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_that_drips_is_a_408(hurried, framing):
    piece = b"x" if b"Length" in framing else b"1\r\nx\r\n"
    [answer], took_s = send_slowly(hurried, HEAD + framing, piece)
    assert answer.status == 408
    assert PATIENCE_S <= took_s < PATIENCE_S + SOON_S


def test_a_body_that_stops_is_a_408(hurried):
    [answer], took_s = send_slowly(hurried, HEAD + b"Content-Length: 8000\r\n\r\n" + b"x" * 7000, b"")
    assert answer.status == 408
    assert took_s < PATIENCE_S + SOON_S


def test_a_body_that_comes_fast_enough_but_for_ever_is_cut_off(hurried):
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    [answer], took_s = send_slowly(hurried, head, b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    assert answer.status == 200  # it needs no body
    assert UPLOAD_S <= took_s < UPLOAD_S + SOON_S


def test_a_slow_upload_within_the_limits_is_taken(hurried):
    with connect(hurried) as connection:
        connection.sendall(upload_head(hurried, "Content-Length: 80000"))
        for _ in range(4):
            time.sleep(PATIENCE_S / 2)
            connection.sendall(b"x" * 20_000)  # one within each time of patience is enough
        [answer] = answers(until_closed(connection))
    assert answer.status == 503  # read to its end, and no model server there


@pytest.mark.parametrize("edge", ["https", "grpc"])
def test_a_handshake_that_does_not_begin_is_cut_off(hurried, edge):
    port = hurried.https_port if edge == "https" else hurried.grpc_port
    with socket.create_connection((HOST, port), 10) as connection:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""
        assert PATIENCE_S * 0.9 <= time.monotonic() - began < PATIENCE_S + SOON_S


def test_a_connection_without_a_request_is_closed(hurried):
    with connect(hurried) as connection:
        began = time.monotonic()
        assert until_closed(connection) == b""
        assert time.monotonic() - began < PATIENCE_S + SOON_S


def test_many_slow_clients_hold_up_nobody_and_are_all_gone_soon(hurried):
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(hurried)) for _ in range(100)]
        for number, connection in enumerate(slow):
            start = b"GET /livez HTTP/1.1\r\nX: " if number % 2 else HEAD + b"Content-Length: 8000\r\n\r\n"
            connection.sendall(start)
        began = time.monotonic()
        took_s = []
        while time.monotonic() - began < PATIENCE_S + SOON_S:
            asked = time.monotonic()
            assert hurried.status() == 200
            took_s.append(time.monotonic() - asked)
        assert max(took_s) < 0.5
        assert hurried.connections_of_callers() <= 1
