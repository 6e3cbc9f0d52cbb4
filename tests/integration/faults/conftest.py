"""What the fault suite shares: one set of keys and users, one process of model servers that do as told."""

import pytest

from tests.integration.faults.callers import Callers
from tests.integration.faults.gateways import Gateway
from tests.integration.faults.load import recovered
from tests.integration.faults.model_servers import ToldModelServers


@pytest.fixture(scope="session")
def all_servers():
    """Three model servers that do as told."""
    with ToldModelServers(3) as servers:
        yield servers


@pytest.fixture
def servers(all_servers):
    """The same, well and with nothing recorded."""
    for server in all_servers:
        server.be_well()
    yield all_servers
    for server in all_servers:
        server.be_well()


@pytest.fixture
def server(servers):
    """The first of them."""
    return servers[0]


@pytest.fixture(scope="session")
def gateway(home, all_servers):
    """A gateway before the first model server, with room for many calls, for tests that do not break it."""
    with Gateway(home, [all_servers[0].address], max_in_flight=64) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def balancing(home, all_servers):
    """A gateway before all three, that looks often for what they serve; for tests that do not break it."""
    addresses = [server.address for server in all_servers]
    with Gateway(home, addresses, max_in_flight=64, model_poll_s=0.5) as gateway:
        yield gateway


@pytest.fixture
async def callers_of_three(balancing, servers):
    """Callers of that gateway, which has recovered, too."""
    async with Callers(balancing) as callers:
        await recovered(callers)
        for server in servers:
            server.forget()
        yield callers


@pytest.fixture
async def callers(gateway, server):
    """Callers of that gateway, which has recovered from what the test before did."""
    async with Callers(gateway) as callers:
        await recovered(callers)
        server.forget()
        yield callers
