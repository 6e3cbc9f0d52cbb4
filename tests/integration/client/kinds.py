"""The four ways to call a gateway by the library, made to look alike."""

import asyncio
import inspect

from wattgate import AsyncClient, Client

KINDS = ("https", "grpc", "https, awaited", "grpc, awaited")


class Awaited:
    """An AsyncClient whose methods block: each is run to its end on a loop of the client's own."""

    def __init__(self, server, **options):
        self._runner = asyncio.Runner()
        self._client = AsyncClient(server, **options)

    def __getattr__(self, name):
        method = getattr(self._client, name)
        assert inspect.iscoroutinefunction(method)
        return lambda *arguments, **options: self._runner.run(method(*arguments, **options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._runner.run(self._client.close())
        self._runner.close()


def client_of(kind, demo, **options):
    """A client of a running pair; by the demo user's password unless something else is given."""
    make = Awaited if "awaited" in kind else Client
    if "grpc" in kind:
        options.setdefault("grpc", demo["grpc"])
    if not options.keys() & {"token", "username"}:
        options.update(username=demo["username"], password=demo["password"])
    options.setdefault("ca_file", demo["ca_file"])
    return make(demo["https"], **options)
