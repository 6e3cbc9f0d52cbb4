"""The suite's own instruments do what the other tests take for granted."""

import asyncio
import time

import pytest

from services.local.pair import HOST
from tests.integration.faults.proxy import GOOD, FaultProxy, Network
from tests.integration.faults.waiting import until

DATA_FRAME = b"\x00\x00\x0a\x00\x00\x00\x00\x00\x01" + b"0123456789"


@pytest.fixture
async def echo():
    """Port of a server that sends back what it gets; `ended` counts connections whose client left."""

    async def answer(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
        finally:
            writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def proxy(echo):
    with FaultProxy(echo) as proxy:
        yield proxy


@pytest.fixture
async def connect(proxy):
    writers = []

    async def open_one():
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        writers.append(writer)
        return reader, writer

    yield open_one
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def nothing_comes(reader, *, for_s=0.2):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), for_s)


async def test_a_good_network_carries_everything_and_counts_connections(proxy, connect):
    (reader, writer), _ = await connect(), await connect()
    await until(lambda: proxy.opened == 2)
    writer.write(b"x" * 1_000_000)
    assert await asyncio.wait_for(reader.readexactly(1_000_000), 5) == b"x" * 1_000_000
    writer.close()
    await until(lambda: proxy.open == 1)
    assert proxy.opened == 2


async def test_latency_delays_answers_until_the_network_is_good_again(proxy, connect):
    reader, writer = await connect()
    proxy.be(Network(latency_s=0.3))
    began = time.monotonic()
    writer.write(b"late")
    assert await reader.readexactly(4) == b"late"
    assert time.monotonic() - began >= 0.3
    proxy.be(Network(latency_s=60))
    writer.write(b"never")
    await nothing_comes(reader)
    proxy.be(GOOD)
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"never"


async def test_a_trickle_carries_so_many_bytes_a_second(proxy, connect):
    reader, writer = await connect()
    proxy.be(Network(bytes_per_s=1000))
    began = time.monotonic()
    writer.write(b"x" * 500)
    await asyncio.wait_for(reader.readexactly(500), 10)
    assert 0.4 < time.monotonic() - began < 5


async def test_a_black_hole_gives_back_what_it_swallowed(proxy, connect):
    reader, writer = await connect()
    proxy.be(Network(black_hole=True))
    writer.write(b"held")
    await nothing_comes(reader)
    other_reader, other_writer = await connect()
    other_writer.write(b"too")
    await nothing_comes(other_reader)
    proxy.be(GOOD)
    assert await asyncio.wait_for(reader.readexactly(4), 5) == b"held"
    assert await asyncio.wait_for(other_reader.readexactly(3), 5) == b"too"


async def test_a_half_open_connection_stays_dead_and_new_ones_live(proxy, connect):
    reader, writer = await connect()
    await until(lambda: proxy.open == 1)
    proxy.be(Network(half_open=True))
    proxy.be(GOOD)
    writer.write(b"x")
    await nothing_comes(reader)
    new_reader, new_writer = await connect()
    new_writer.write(b"x")
    assert await asyncio.wait_for(new_reader.readexactly(1), 5) == b"x"
    writer.close()
    await until(lambda: proxy.open == 1)


async def read_anew(connect):
    """Connect and read; either may fail."""
    reader, _ = await connect()
    await asyncio.wait_for(reader.read(1), 5)


async def test_a_reset_ends_connections_with_an_error(proxy, connect):
    reader, writer = await connect()
    writer.write(b"x")
    await reader.readexactly(1)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), 5)
    assert proxy.open == 0
    reader, writer = await connect()
    writer.write(b"x")
    assert await asyncio.wait_for(reader.readexactly(1), 5) == b"x"
    proxy.be(Network(reset=True))
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), 5)
    with pytest.raises(ConnectionResetError):
        await read_anew(connect)


async def test_truncation_ends_connections_in_the_middle_of_a_data_frame(proxy, connect):
    reader, writer = await connect()
    proxy.be(Network(truncate=True))
    settings = b"\x00\x00\x03\x04\x00\x00\x00\x00\x00abc"
    writer.write(settings)
    assert await asyncio.wait_for(reader.readexactly(len(settings)), 5) == settings
    writer.write(settings + DATA_FRAME)
    assert await asyncio.wait_for(reader.read(), 5) == settings + DATA_FRAME[:14]
