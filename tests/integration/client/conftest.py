"""A client of the running pair, of each kind."""

import pytest

from tests.integration.client.kinds import KINDS, client_of


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def client(running, kind):
    with client_of(kind, running.demo) as client:
        yield client
