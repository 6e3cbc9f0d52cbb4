"""HTTP by the byte, for what no client library would send."""

import socket
import ssl
from dataclasses import dataclass

import httpx

from services.local.pair import HOST
from tests.integration.faults.gateways import Gateway


@dataclass(frozen=True)
class Answer:
    """One of those that came over a connection."""

    status: int
    headers: httpx.Headers
    body: bytes


def connect(gateway: Gateway, timeout_s: float = 15) -> ssl.SSLSocket:
    """A connection after its handshake."""
    trust = ssl.create_default_context(cafile=gateway.ca_file)
    connection = socket.create_connection((HOST, gateway.https_port), timeout_s)
    return trust.wrap_socket(connection, server_hostname="localhost", suppress_ragged_eofs=True)


def upload_head(gateway: Gateway, framing: str) -> bytes:
    """Of a CSV with a good token, on a connection that ends with it."""
    return (
        "POST /v1/models/gru:forecast HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {gateway.token}\r\nContent-Type: text/csv\r\n{framing}\r\n\r\n"
    ).encode()


def exchange(gateway: Gateway, *pieces: bytes) -> list[Answer]:
    """All answers to what is sent, until the gateway closes. Raises TimeoutError where it does not."""
    with connect(gateway) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # closed while more was on its way; what it said is there to be read
        return answers(until_closed(connection))


def until_closed(connection: ssl.SSLSocket) -> bytes:
    """What comes until the other side closes."""
    received = bytearray()
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return bytes(received)


def answers(raw: bytes) -> list[Answer]:
    """What was sent one after the other."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = httpx.Headers([tuple(line.split(": ", 1)) for line in lines])
        length = int(headers["content-length"])
        found.append(Answer(int(status.split()[1]), headers, rest[:length]))
        raw = rest[length:]
    return found
