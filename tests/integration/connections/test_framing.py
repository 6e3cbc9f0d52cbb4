"""Where a request ends is never in doubt: what can be read in two ways is refused and ends the connection."""

import psutil
import pytest

from tests.integration.connections.gateways import LoneGateway
from tests.integration.connections.raw import exchange, upload_head
from tests.integration.faults.waiting import wait_until

POST = b"POST /token HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: smuggled\r\n\r\n"
MB = 1_000_000

DOUBTFUL = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 100\r\n\r\n",
    "one length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length beyond numbers": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "chunked but not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked after a control character": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk without an end": CHUNKED + b"3\r\nabc0\r\n\r\n",
    "a chunk ended by LF": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "a chunk's size ended by LF": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "a chunk's size with 0x": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk's size with space": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "a chunk beyond numbers": CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "an extension ended by LF": CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a length in the trailer": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "a folded header": POST + b"X-Folded: a\r\n b\r\n\r\n",
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a fold before the first header": b"POST /token HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "lines ended by LF": POST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n",
    "one line ended by LF": POST + b"X-Line: a\nContent-Length: 0\r\n\r\n",
    "a head ended by LF": POST + b"Content-Length: 0\r\n\n",
    "a line ended by CR": POST + b"X-Line: a\rContent-Length: 0\r\n\r\n",
    "NUL in a header": POST + b"X-Nul: a\x00b\r\n\r\n",
    "a header without a name": POST + b": a\r\n\r\n",
}


@pytest.fixture(scope="module")
def gateway(home):
    """Of this module's own, to see in its log what it was asked."""
    with LoneGateway(home) as gateway:
        yield gateway
        assert "smuggled" not in gateway.whole_log()
        gateway.request("GET", "/v1/models", headers={"X-Request-ID": "smuggled"})
        wait_until(lambda: "smuggled" in gateway.whole_log(), 2)  # it would have been seen there
        assert "Traceback" not in gateway.whole_log()


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(gateway, kind):
    [answer] = exchange(gateway, DOUBTFUL[kind] + SMUGGLED)
    assert answer.status == 400
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_it_is_so_byte_by_byte_too(gateway, kind):
    sent = DOUBTFUL[kind] + SMUGGLED
    [answer] = exchange(gateway, *(sent[at : at + 1] for at in range(len(sent))))
    assert answer.status == 400


def test_good_requests_sent_at_once_are_answered_in_their_order(gateway):
    good = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    none = b"GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert [answer.status for answer in exchange(gateway, good + good + none)] == [200, 200, 404]


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_was_asked_before_is_answered_before_the_connection_ends(gateway, kind):
    good = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    none = b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answers = exchange(gateway, good + none + DOUBTFUL[kind] + SMUGGLED)
    assert [answer.status for answer in answers] == [200, 404]


@pytest.mark.parametrize("apart", [False, True])
def test_nothing_is_read_after_a_farewell(gateway, apart):
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    sent = [last, SMUGGLED] if apart else [last + SMUGGLED]
    [answer] = exchange(gateway, *sent)
    assert answer.status == 200


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_nothing_is_read_after_an_offer_to_change_the_protocol(gateway, protocol):
    offer = (
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    )
    [answer] = exchange(gateway, offer + SMUGGLED, SMUGGLED)
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


def test_a_trailer_is_no_header(gateway):
    """It comes after the checks of headers: here it would be a second host, and an identity."""
    ask = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    ask += b"Transfer-Encoding: chunked\r\n\r\n"
    trailer = f"0\r\nHost: evil.example\r\nAuthorization: Bearer {gateway.token}\r\n\r\n".encode()
    [answer] = exchange(gateway, ask + trailer)
    assert answer.status == 401


def cpu_s(gateway) -> float:
    spent = psutil.Process(gateway.process.pid).cpu_times()
    return spent.user + spent.system


def upload_in_chunks(gateway, chunk: bytes, count: int):
    head = upload_head(gateway, "Transfer-Encoding: chunked")
    pieces = [head, *[chunk * (count // 100)] * 100, b"0\r\n\r\n"]
    before = cpu_s(gateway)
    [answer] = exchange(gateway, *pieces)
    assert gateway.status() == 200
    return answer.status, cpu_s(gateway) - before


def test_chunks_of_one_byte_are_refused_at_little_cost(gateway):
    status, spent_s = upload_in_chunks(gateway, b"1\r\nx\r\n", 3 * MB)
    assert status == 400
    assert spent_s < 0.5


def test_small_chunks_cost_less_than_two_seconds(gateway):
    status, spent_s = upload_in_chunks(gateway, b"6\r\nabcde\n\r\n", MB // 2)
    assert status == 503
    assert spent_s < 2


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
        (b"0\r\n", b"X-Trailer: x\r\n" * 100),
        (b"0\r\nX: ", b"x" * 1000),
    ],
    ids=["extensions", "trailers", "a trailer"],
)
def test_framing_without_content_is_refused(gateway, first, piece):
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    head = upload_head(gateway, "Transfer-Encoding: chunked")
    [answer] = exchange(gateway, head + first, *[piece] * 1000)
    assert answer.status == 400
    assert process.memory_info().rss < before + 10 * MB


def test_a_body_line_by_line_is_taken(gateway):
    rows = (b"2024-06-03 00:00;1.5\n" for _ in range(20_000))
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "text/csv"}
    answer = gateway.request("POST", "/v1/models/gru:forecast", content=rows, headers=headers)
    assert answer.status_code == 503
