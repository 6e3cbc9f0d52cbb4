"""A real PostgreSQL server of the tests' own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from services.local.ports import free_port

HOST = "127.0.0.1"
ENOUGH_S = 20


def binaries() -> Path | None:
    """Where the programs of an installed server are."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def running(folder: Path) -> Iterator["PostgreSQL"]:
    """A server until the end of the block. Skips the test where none is installed."""
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    server = PostgreSQL(folder)
    server.start()
    yield server
    server.stop()


class PostgreSQL:
    """A server with its data below a folder, which nobody else needs."""

    def __init__(self, folder: Path) -> None:
        """Make an empty cluster."""
        found = binaries()
        assert found is not None
        self._binaries, self._folder = found, folder
        self.port = free_port()
        # PostgreSQL refuses to run as root.
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            self._prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            ours = takewhile(lambda each: each != Path(tempfile.gettempdir()), folder.parents)
            for each in (folder, *ours):
                each.chmod(0o755)
            shutil.chown(folder, "nobody", "nogroup")
        self._run("initdb", "-D", "data", "-U", "wattgate", "--auth=trust", "--no-sync", as_nobody=True)

    def start(self) -> None:
        """Listen, and wait until it does."""
        options = ["-D", "data", "-p", str(self.port), "-k", "", "-h", HOST, "-F"]
        self._process = subprocess.Popen(
            [*self._prefix, self._binaries / "postgres", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        deadline = time.monotonic() + ENOUGH_S
        while subprocess.run(self._command("pg_isready", "-q"), check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """Cut off whoever is connected."""
        self._process.send_signal(2)  # SIGINT: a fast shutdown
        self._process.wait(ENOUGH_S)

    def create(self, database: str) -> str:
        """The URL of a new database."""
        self._run("createdb", "-h", HOST, "-p", str(self.port), "-U", "wattgate", database)
        return self.url(database, self.port)

    @staticmethod
    def url(database: str, port: int) -> str:
        """Of a database behind a port."""
        return f"postgresql://wattgate@{HOST}:{port}/{database}"

    def _command(self, program: str, *arguments: str) -> list[str | Path]:
        return [self._binaries / program, "-h", HOST, "-p", str(self.port), *arguments]

    def _run(self, program: str, *arguments: str, as_nobody: bool = False) -> None:
        prefix = self._prefix if as_nobody else []
        command = [*prefix, self._binaries / program, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self._folder)
        if done.returncode:
            pytest.fail(f"{program}: {done.stdout}{done.stderr}")
