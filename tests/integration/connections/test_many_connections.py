"""Connections take a bounded part of the gateway, however many are opened."""

import contextlib
import resource
import socket
import ssl

import psutil
import pytest

from services.local.pair import HOST
from tests.integration.connections.gateways import LoneGateway
from tests.integration.faults.waiting import wait_until

pytestmark = pytest.mark.alone

MOST = 100
MIB = 1024 * 1024


@pytest.fixture(params=["https", "grpc"])
def bounded(request, home):
    """A gateway that takes few, and its port."""
    # Whoever does nothing must not go by himself meanwhile.
    with LoneGateway(home, max_connections=MOST, client_timeout_s=60) as gateway:
        gateway.say_goodbye()
        wait_until(lambda: gateway.connections_of_callers() == 0, 2)
        yield gateway, gateway.https_port if request.param == "https" else gateway.grpc_port


def greeted(gateway, port: int) -> ssl.SSLSocket | None:
    trust = ssl.create_default_context(cafile=gateway.ca_file)
    trust.set_alpn_protocols(["h2", "http/1.1"])
    connection = socket.create_connection((HOST, port), 10)
    try:
        return trust.wrap_socket(connection, server_hostname="localhost")
    except OSError:
        connection.close()
        return None


def test_those_above_the_bound_are_closed_and_those_within_it_stay(bounded):
    gateway, port = bounded
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    with contextlib.ExitStack() as stack:
        opened = [greeted(gateway, port) for _ in range(3 * MOST)]
        for connection in filter(None, opened):
            stack.enter_context(connection)
        assert [connection is not None for connection in opened] == [True] * MOST + [False] * 2 * MOST
        assert gateway.connections_of_callers() == MOST
        assert process.memory_info().rss < before + 20 * MIB
    wait_until(lambda: gateway.connections_of_callers() == 0, 10)
    last = greeted(gateway, port)
    assert last is not None
    last.close()


def test_those_that_never_greet_are_counted_too(home):
    with (
        LoneGateway(home, max_connections=MOST, client_timeout_s=1) as gateway,
        contextlib.ExitStack() as stack,
    ):
        gateway.say_goodbye()
        wait_until(lambda: gateway.connections_of_callers() == 0, 2)
        for _ in range(MOST):
            stack.enter_context(socket.create_connection((HOST, gateway.https_port), 10))
        wait_until(lambda: gateway.connections_of_callers() == MOST, 0.5)
        assert greeted(gateway, gateway.https_port) is None
        wait_until(lambda: gateway.connections_of_callers() == 0, 3)
        assert gateway.status() == 200


def test_the_system_is_asked_for_as_many_handles_as_that_takes(home):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        with LoneGateway(home, max_connections=1000) as gateway:
            soft, _ = psutil.Process(gateway.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert soft > 2000
