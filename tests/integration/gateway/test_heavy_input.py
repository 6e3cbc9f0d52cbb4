"""Input made to cost much costs little: the gateway goes on answering others, in little memory."""

import contextlib
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

import grpc
import psutil
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.local.pair import GATEWAY
from tests.data import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb

pytestmark = pytest.mark.alone

MIB = 1024 * 1024
HEADER = b"Datum,Wert (kW)\n"
SERIES = b'{"start": "2024-06-03T00:00:00Z", "kw": ['


def filled(start: bytes, piece: bytes, end: bytes = b"") -> bytes:
    return start + piece * ((10 * MIB - len(start) - len(end)) // len(piece)) + end


FIELDS = b"{" + b",".join(b'"%d":1' % i for i in range(800_000)) + b"}"
HEAVY = {
    "rows of delimiters": ("text/csv", filled(HEADER, b",\n")),
    "rows of letters": ("text/csv", filled(HEADER, b"a\n")),
    "faulty rows, as many as are read": ("text/csv", HEADER + b"a,b\n" * 400_000),
    "blank lines after a good week": ("text/csv", filled(SAMPLE.read_bytes(), b"\n")),
    "quotes": ("text/csv", filled(HEADER, b'""""\n')),
    "one line": ("text/csv", filled(HEADER, b",")),
    "objects for numbers": ("application/json", filled(SERIES, b"{},", b"1]}")),
    "nulls for numbers": ("application/json", filled(SERIES, b"null,", b"1]}")),
    "powers no meter shows": ("application/json", SERIES + b"1e10," * 390_000 + b"1]}"),
    "too many numbers": ("application/json", filled(SERIES, b"1,", b"1]}")),
    "fields": ("application/json", FIELDS),
}
HEAVY_REQUESTS = {
    "objects for series": filled(b'{"inputs": [', b"{},", b"1]}"),
    "metadata": filled(b'{"metadata": {"all": [', b"[],", b"1]}}"),
    "fields": FIELDS,
}
"""Of the time-series call."""


@contextlib.contextmanager
def slowest_livez(client):
    """The longest that /livez took while the block ran, seconds."""
    took_s: list[float] = [0.0]
    done = threading.Event()

    def probe():
        while not done.is_set():
            started = time.monotonic()
            assert client.https.get("/livez").status_code == 200
            took_s[0] = max(took_s[0], time.monotonic() - started)

    thread = threading.Thread(target=probe)
    thread.start()
    yield took_s
    done.set()
    thread.join()


@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_upload_is_refused_soon_and_holds_up_nobody(running, bearer, kind):
    assert_refused_soon(running, bearer, "/v1/models/gru:forecast", *HEAVY[kind])


@pytest.mark.parametrize("kind", HEAVY_REQUESTS)
def test_a_heavy_request_is_refused_soon_and_holds_up_nobody(running, bearer, kind):
    assert_refused_soon(running, bearer, "/v1/timeseries/forecast", "application/json", HEAVY_REQUESTS[kind])


def assert_refused_soon(running, bearer, path, media_type, body):
    process = psutil.Process(running.pair.processes[GATEWAY].pid)
    before = process.memory_info().rss
    started = time.monotonic()
    with slowest_livez(running) as livez_s:
        response = running.https.post(path, content=body, headers={**bearer, "Content-Type": media_type})
    assert response.status_code == 422
    assert time.monotonic() - started < 3  # no more than a forecast may take
    assert livez_s[0] < 1
    assert process.memory_info().rss < before + 150 * MIB


def test_after_heavy_uploads_their_memory_is_given_back(breakable):
    headers = {"Authorization": f"Bearer {breakable.login()}"}
    for media_type, body in HEAVY.values():
        breakable.https.post(
            "/v1/models/gru:forecast", content=body, headers={**headers, "Content-Type": media_type}
        )
    files = {"file": SAMPLE.read_bytes()}
    assert breakable.https.post("/predict/gru", files=files, headers=headers).status_code == 200
    assert psutil.Process(breakable.pair.processes[GATEWAY].pid).memory_info().rss < 150 * MIB


def test_a_heavy_series_is_refused_soon_and_holds_up_nobody(running, metadata):
    history = pb.LoadSeries(start=Timestamp(seconds=86_400), kw=[float("nan")] * 390_000)
    with slowest_livez(running) as livez_s, pytest.raises(grpc.RpcError) as caught:
        running.rpc.Forecast(pb.ForecastRequest(model="gru", series=history), metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "and 389999 more" in caught.value.details()
    assert livez_s[0] < 1


def connect(running) -> ssl.SSLSocket:
    address = urlsplit(running.demo["https"])
    trust = ssl.create_default_context(cafile=running.demo["ca_file"])
    connection = socket.create_connection((address.hostname, address.port), 10)
    return trust.wrap_socket(connection, server_hostname=address.hostname)


def send_for_ever(connection: ssl.SSLSocket, piece: bytes) -> None:
    started = time.monotonic()
    while time.monotonic() - started < 10:
        connection.sendall(piece)


@pytest.mark.parametrize("piece", [b"X-Filler: " + b"x" * 1000 + b"\r\n", b"x" * 1000])
def test_endless_headers_are_cut_off(running, piece):
    process = psutil.Process(running.pair.processes[GATEWAY].pid)
    before = process.memory_info().rss
    with connect(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Start: ")
        with pytest.raises(OSError, match=r"reset|pipe|EOF"):
            send_for_ever(connection, piece * 10)
    assert process.memory_info().rss < before + 20 * MIB


def test_headers_over_the_limit_are_told_so(running):
    filler = {f"X-Filler-{i}": "x" * 1000 for i in range(40)}
    assert running.https.get("/livez", headers=filler).status_code == 431
    assert running.https.post("/token", headers=filler, data={"username": "demo"}).status_code == 431
    assert "Traceback" not in (running.folder / "gateway.log").read_text()
    assert running.https.get("/livez", headers=dict(list(filler.items())[:20])).status_code == 200


def test_many_requests_on_one_connection_are_each_within_the_limit(running):
    for _ in range(20):
        assert running.https.get("/livez", headers={"X-Filler": "x" * 8000}).status_code == 200


def test_an_upload_that_breaks_off_is_no_bug(running, bearer):
    for _ in range(5):
        with connect(running) as connection:
            connection.sendall(
                b"POST /predict/gru HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n"
                b"Authorization: " + bearer["Authorization"].encode() + b"\r\n\r\n--x\r\n"
            )
            time.sleep(0.05)
    assert running.https.get("/livez").status_code == 200
    time.sleep(0.2)  # for the last of them to be noticed
    log = (running.folder / "gateway.log").read_text()
    assert "Traceback" not in log
    assert "bug" not in log
