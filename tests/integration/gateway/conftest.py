"""A gateway in the test's own process, before a model server that does as told."""

import pytest

from tests.integration.gateway.in_process import ModelServer, edges


@pytest.fixture
async def model_server():
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def edge(home, model_server):
    """A gateway that is ready, before that model server."""
    async with edges(home, model_server.address, docs=True) as edge:
        await edge.until_ready()
        yield edge
