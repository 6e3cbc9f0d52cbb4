"""Databases of both kinds, a real PostgreSQL among them; a clock that is turned by hand."""

import pytest

from services.gateway.store.database import Database
from tests.postgresql import running


@pytest.fixture(scope="session")
def _postgresql(tmp_path_factory):
    with running(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture
def postgresql_url(_postgresql, request):
    """A database of its own, dropped with the server."""
    return _postgresql.create(f"test_{abs(hash(request.node.nodeid))}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/users.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
async def database(database_url):
    """One with its tables."""
    database = Database(database_url)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def clock_of(monkeypatch):
    """Have a module read a clock whose `now` is set by hand, seconds."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        time = monotonic

    def replace(module):
        clock = Clock()
        monkeypatch.setattr(module, "time", clock)
        return clock

    return replace
