"""A gateway without a model server: what is tested here comes before any forecast."""

import pytest

from services.local.home import Home
from tests.integration.faults.gateways import Gateway

NOBODY = ["127.0.0.1:1"]


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("home"))
    home.set_up()
    return home


@pytest.fixture(scope="session")
def gateway(home):
    """One for all tests that do not need it set up in another way."""
    gateway = Gateway(home, NOBODY)
    gateway.start()
    try:
        gateway.wait_for("/livez", 200)
        yield gateway
    finally:
        gateway.kill()
