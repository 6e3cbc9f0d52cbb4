"""Gateways that forecast nothing."""

import pytest

from tests.integration.connections.gateways import LoneGateway


@pytest.fixture(scope="session")
def gateway(home):
    """One for all tests that do not need it set up in another way."""
    with LoneGateway(home) as gateway:
        yield gateway
