"""Whose word on a caller's address counts: that of the proxies that are named, and of nobody else."""

import json
import time

import pytest

from services.gateway.store.throttle import ADDRESS
from tests.integration.connections.gateways import LoneGateway

WRONG = "not the password of anybody"


@pytest.fixture(scope="module")
def behind_a_proxy(home):
    with LoneGateway(home, trusted_proxies='["127.0.0.1", "10.0.0.0/8"]') as gateway:
        yield gateway


@pytest.fixture(scope="module")
def alone(home):
    with LoneGateway(home) as gateway:
        yield gateway


def told(gateway, *values):
    """The address that the log has of a call with such headers."""
    id_ = f"proxied-{time.monotonic_ns()}"
    headers = [("X-Request-ID", id_), *(("X-Forwarded-For", value) for value in values)]
    assert gateway.request("GET", "/v1/models", headers=headers).status_code == 401
    deadline = time.monotonic() + 5
    while True:
        lines = [json.loads(line) for line in gateway.whole_log().splitlines() if id_ in line]
        if lines:
            return lines[0]["client"]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("values", [(), ("192.0.2.7",), ("192.0.2.7", "192.0.2.8")])
def test_without_one_the_connection_alone_counts(alone, values):
    assert told(alone, *values) == "127.0.0.1"


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ((), "127.0.0.1"),
        (("192.0.2.7",), "192.0.2.7"),
        (("192.0.2.7, 10.1.2.3",), "192.0.2.7"),
        # What callers claim themselves is on the left.
        (("198.51.100.9, 192.0.2.7",), "192.0.2.7"),
        (("198.51.100.9", "192.0.2.7"), "192.0.2.7"),
        (("2001:db8::7",), "2001:db8::7"),
    ],
)
def test_behind_one_the_last_that_is_no_proxy_counts(behind_a_proxy, values, address):
    assert told(behind_a_proxy, *values) == address


def test_failed_logins_are_counted_by_it(behind_a_proxy):
    def log_in(number, address):
        return behind_a_proxy.request(
            "POST",
            "/token",
            data={"username": f"nobody-{number}", "password": WRONG},
            headers={"X-Forwarded-For": address},
        ).status_code

    tried = [log_in(number, "192.0.2.50") for number in range(ADDRESS.failures + 1)]
    assert tried == [401] * ADDRESS.failures + [429]
    assert log_in("other", "192.0.2.51") == 401
    made_up = [log_in(f"x{number}", f"made-up-{number}") for number in range(ADDRESS.failures + 1)]
    assert made_up == tried
