"""A client of the running pair, of each kind."""

import pytest

from tests.integration.client.kinds import KINDS, client_of


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def client(running, kind):
    with client_of(kind, running.demo) as client:
        yield client
