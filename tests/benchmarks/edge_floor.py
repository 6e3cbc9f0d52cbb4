"""The floor under an HTTPS call: a TLS server that reads an upload and answers what it is given.

As bare as a server in Python can be: no parser but for the length, no routes, one reply for everybody.
"""

import argparse
import asyncio
import re
import ssl
from pathlib import Path
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Echo(asyncio.Protocol):
    """Answers each request in full once it has come in full; one at a time."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._received = bytearray()
        self._expected: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._expected is None:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return
            length = _LENGTH.search(self._received, 0, head + 2)
            self._expected = head + 4 + int(length[1] if length else 0)
        if len(self._received) >= self._expected:
            self._transport.write(self._reply)
            self._received.clear()
            self._expected = None


async def serve(host: str, port: int, context: ssl.SSLContext, reply: bytes) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Echo(reply), host, port, ssl=context)
    await server.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--reply", type=Path, required=True, help="file with the whole reply, head and body")
    asked = parser.parse_args()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(asked.certificate, asked.key)
    uvloop.run(serve(asked.host, asked.port, context, asked.reply.read_bytes()))


if __name__ == "__main__":
    main()
