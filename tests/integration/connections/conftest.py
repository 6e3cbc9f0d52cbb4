"""Gateways that forecast nothing."""

import pytest

from services.local.home import Home
from tests.integration.connections.gateways import LoneGateway


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("home"))
    home.set_up()
    return home


@pytest.fixture(scope="session")
def gateway(home):
    """One for all tests that do not need it set up in another way."""
    with LoneGateway(home) as gateway:
        yield gateway
