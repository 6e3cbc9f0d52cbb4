"""HTTP/2 as those speak it who mean no good: the gRPC port hangs up on them, and others notice nothing."""

import contextlib
import socket
import ssl
import struct
import time

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local.pair import HOST
from tests.integration.background import Background
from tests.integration.connections.gateways import LoneGateway

pytestmark = pytest.mark.alone

MEBIBYTE = 1024 * 1024
ENOUGH_S = 20
RESETS = 20_000
HEADER_FRAMES = 20_000
"""320 MB of one header."""
SLACK = 100 * MEBIBYTE
"""What read buffers and the allocator's leftovers come to: up to 60 MB, and no more the longer it goes on."""
HEADERS, CONTINUATION, END_STREAM, END_HEADERS = 0x1, 0x9, 0x1, 0x4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CALL = [
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/wattgate.forecast.v1.ForecastService/Forecast"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


@pytest.fixture(scope="module")
def gateway(home):
    with LoneGateway(home) as gateway:
        yield gateway


@pytest.fixture
def connection(home, gateway):
    """A connection of HTTP/2 to the gRPC port, and what the other end does is up to the test."""
    context = ssl.create_default_context(cafile=home.ca_file)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((HOST, gateway.grpc_port), ENOUGH_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


@pytest.fixture
def probe(home, gateway):
    """How long a good caller waits, s."""
    trust = grpc.ssl_channel_credentials(home.ca_file.read_bytes())
    with grpc.secure_channel(f"localhost:{gateway.grpc_port}", trust) as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def ask():
            began = time.perf_counter()
            stub.Check(health_pb2.HealthCheckRequest(), timeout=ENOUGH_S)
            return time.perf_counter() - began

        ask()
        yield ask


def spoken(connection):
    """The client's end, greeted and greeting."""
    http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    http2.initiate_connection()
    connection.sendall(http2.data_to_send())
    return http2


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def p99(samples):
    return float(np.percentile(samples, 99))


def test_it_says_how_many_calls_and_how_long_headers_it_takes(connection):
    http2 = spoken(connection)
    told = {}
    while not told:
        for event in http2.receive_data(connection.recv(65536)):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                told = {code: changed.new_value for code, changed in event.changed_settings.items()}
    assert told[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] == 100
    assert told[h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE] <= 32 * 1024


def test_calls_begun_and_taken_back_by_the_thousand_hold_up_nobody(gateway, connection, probe):
    """Rapid reset, CVE-2023-44487."""
    process = psutil.Process(gateway.process.pid)
    quiet = [probe() for _ in range(200)]
    before = process.memory_info().rss
    http2 = spoken(connection)
    began = time.monotonic()
    with Background(probe, pause_s=0.01) as load:
        sent = 0
        try:
            while sent < RESETS:
                stream = http2.get_next_available_stream_id()
                http2.send_headers(stream, CALL)
                http2.reset_stream(stream)
                sent += 1
                if sent % 50 == 0:
                    connection.sendall(http2.data_to_send())
                    time.sleep(0.02)
        except OSError:
            pass  # it hung up: as good
        time.sleep(1)
    print(f"{sent} resets in {time.monotonic() - began:.1f} s")  # noqa: T201 - a figure to quote
    print(f"p99 {p99(quiet) * 1e3:.1f} ms, beside it {p99(load.answers) * 1e3:.1f} ms")  # noqa: T201
    assert load.failures == []
    assert p99(load.answers) < 3 * p99(quiet) + 0.05
    assert process.memory_info().rss - before < SLACK


def test_headers_that_never_end_take_no_memory_and_hold_up_nobody(gateway, connection, probe):
    """CONTINUATION frames without end: gRPC's library reads on, and keeps none of it over its limit."""
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    connection.sendall(PREFACE + frame(0x4, 0, 0, b""))
    # A literal header field, never indexed: x: yyy...
    field = b"\x10\x01x\x7f\x80\x7e" + b"y" * 16_255
    with Background(probe, pause_s=0.01) as load, contextlib.suppress(OSError):
        connection.sendall(frame(HEADERS, END_STREAM, 1, field))
        for _ in range(HEADER_FRAMES):
            connection.sendall(frame(CONTINUATION, 0, 1, field))
    assert load.failures == []
    assert max(load.answers) < 1
    assert process.memory_info().rss - before < SLACK


BROKEN = {
    "an index that is not in the table": frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\xff\xff\xff\x0f"),
    "a string longer than the frame": frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x00\x7f\xff\xff\x7f"),
    "Huffman code that is none": frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x00\x81\xff\x81\xff"),
    "a table of 4 GB": frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x3f\xe1\xff\xff\xff\x0f"),
    "a frame longer than allowed": struct.pack(">I", 1 << 23)[1:] + struct.pack(">BBI", HEADERS, 0, 1),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_http_2_ends_the_connection_and_no_other(connection, probe, broken):
    connection.sendall(PREFACE + frame(0x4, 0, 0, b"") + broken)
    connection.settimeout(2)
    assert is_closed_or_refused(connection)
    assert probe() < 1


def is_closed_or_refused(connection):
    """Whether the connection or the one call ends: RST_STREAM, GOAWAY, an end."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
            if any(kind in {0x3, 0x7} for kind in kinds(received)):
                return True
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def kinds(received):
    """Of the frames in what was received."""
    while len(received) >= 9:
        length = int.from_bytes(received[:3])
        yield received[3]
        received = received[9 + length :]


def test_a_message_that_unpacks_to_a_thousand_times_its_size_is_given_up_on_half_way(home, gateway):
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    trust = grpc.ssl_channel_credentials(home.ca_file.read_bytes())
    options = [("grpc.max_send_message_length", -1)]
    packed = grpc.Compression.Gzip
    with grpc.secure_channel(f"localhost:{gateway.grpc_port}", trust, options, compression=packed) as channel:
        for method in ("/wattgate.forecast.v1.ForecastService/Forecast", "/grpc.health.v1.Health/Check"):
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(method)(bytes(300 * MEBIBYTE), timeout=ENOUGH_S)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, refused.value.details()
    assert process.memory_info().rss - before < SLACK


@pytest.mark.parametrize("size", [100, 4_000, 100_000])
def test_large_metadata_ends_one_call_at_most(home, gateway, probe, size):
    trust = grpc.ssl_channel_credentials(home.ca_file.read_bytes())
    options = [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
    with grpc.secure_channel(f"localhost:{gateway.grpc_port}", trust, options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            stub.Check(health_pb2.HealthCheckRequest(), metadata=(("x-large", "y" * size),), timeout=ENOUGH_S)
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code = error.code()
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert (code is grpc.StatusCode.OK) == (size < 8_000)
    assert probe() < 1
