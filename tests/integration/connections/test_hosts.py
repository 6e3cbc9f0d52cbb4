"""A request is answered under this gateway's own names alone."""

import httpx
import pytest

from tests.integration.connections.gateways import LoneGateway
from tests.integration.connections.raw import exchange


def ask(gateway, *hosts: str, target: str = "/livez"):
    headers = "".join(f"Host: {host}\r\n" for host in hosts)
    [answer] = exchange(gateway, f"GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n".encode())
    return answer


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "127.0.0.1", "[::1]", "localhost:8443", "[::1]:1"]
)
def test_its_own_names_are_answered_on_any_port(gateway, host):
    assert ask(gateway, host).status == 200


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("localhost", "localhost"),
        ("localhost", "evil.example"),
        ("evil.example",),
        ("localhost.evil.example",),
        ("10.0.0.1",),
        ("localhost/x",),
        ("localhost@evil.example",),
        ("evil.example@localhost",),
        ("localhost:x",),
        ("localhost, localhost",),
        ("[localhost]",),
    ],
    ids=str,
)
def test_no_name_two_names_and_other_names_are_refused(gateway, hosts):
    answer = ask(gateway, *hosts)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = httpx.Response(400, content=answer.body).json()
    assert problem["reason"] == "UNKNOWN_HOST"
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("target", "hosts", "status"),
    [
        ("https://localhost/livez", ("localhost",), 200),
        ("https://localhost:8443/livez?x=http://evil.example/", ("localhost:8443",), 200),
        ("https://evil.example/livez", ("localhost",), 400),
        ("https://localhost/livez", ("evil.example",), 400),
        ("https://evil.example/livez", ("evil.example",), 400),
        ("https://evil.example@localhost/livez", ("localhost",), 400),
        ("https://localhost/livez", (), 400),
        ("/livez?next=https://evil.example/", ("localhost",), 200),
        ("//evil.example/livez", ("localhost",), 404),
    ],
)
def test_a_target_that_names_a_host_names_the_same(gateway, target, hosts, status):
    assert ask(gateway, *hosts, target=target).status == status


def test_further_names_can_be_set(home):
    with LoneGateway(home, allowed_hosts='["gateway.example", "*.internal.example"]') as gateway:
        for host in ("gateway.example", "Gateway.Example:8443", "a.internal.example", "localhost"):
            assert ask(gateway, host).status == 200, host
        for host in ("internal.example", "a.b.internal.example", "a.gateway.example", "xinternal.example"):
            assert ask(gateway, host).status == 400, host
