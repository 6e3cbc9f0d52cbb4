"""Databases of both kinds, a real PostgreSQL among them; a clock that is turned by hand."""

import os
import shutil
import subprocess
import tempfile
import time
from itertools import takewhile
from pathlib import Path

import pytest

from services.gateway.store.database import Database
from services.local.ports import free_port


def _binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def _postgresql(tmp_path_factory):
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed")
    folder = tmp_path_factory.mktemp("postgresql")
    # PostgreSQL refuses to run as root.
    prefix = []
    if os.geteuid() == 0:
        prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        ours = takewhile(lambda each: each != Path(tempfile.gettempdir()), folder.parents)
        for each in (folder, *ours):
            each.chmod(0o755)
        shutil.chown(folder, "nobody", "nogroup")
    port = free_port()
    data = folder / "data"
    subprocess.run(
        [*prefix, binaries / "initdb", "-D", data, "-U", "wattgate", "--auth=trust", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    server = subprocess.Popen(
        [*prefix, binaries / "postgres", "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1", "-F"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    deadline = time.monotonic() + 20
    while subprocess.run(ready, check=False).returncode and time.monotonic() < deadline:
        time.sleep(0.1)
    yield port, binaries
    server.terminate()
    server.wait(10)


@pytest.fixture
def postgresql_url(_postgresql, request):
    """A database of its own, dropped with the server."""
    port, binaries = _postgresql
    name = f"test_{abs(hash(request.node.nodeid))}"
    subprocess.run(
        [binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "wattgate", name], check=True
    )
    return f"postgresql://wattgate@127.0.0.1:{port}/{name}"


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
