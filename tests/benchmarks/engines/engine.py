"""An engine as the benchmark sees it: an environment of its own, made on first use, and a server in it."""

import importlib
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from services.local.pair import HOST
from services.local.ports import free_ports
from tests.benchmarks.servers import START_TIMEOUT_S, StartError, last_words, listening

FOLDERS = Path(__file__).parent
ENVIRONMENTS = Path("build") / "engines"


class EngineError(Exception):
    """An engine that cannot be measured; the message says why."""


class Client(Protocol):
    """What the `Client` of an engine's `client.py` does, once made with HOST:PORT."""

    def ready(self) -> bool:
        """Whether the model answers yet."""

    def predict(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """The forecast of one window."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def names() -> list[str]:
    """The engines there are."""
    return sorted(file.parent.name for file in FOLDERS.glob("*/server.py"))


def environment(name: str, progress: Callable[[str], None], *, within: Path = ENVIRONMENTS) -> Path:
    """The Python of an engine's environment, which is made anew when the lock file is not the one it has.

    Progress is told in lines. Raises EngineError.
    """
    lock = FOLDERS / name / "requirements.txt"
    home = within / name
    python, installed = home / "bin" / "python", home / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        progress(f"Setting up {home} (1.8 GB, once)")
        venv.create(home, clear=True)
        _install(python, lock, progress)
        installed.write_bytes(lock.read_bytes())
    return python


def _install(python: Path, lock: Path, progress: Callable[[str], None]) -> None:
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check"]
    errors = []
    with subprocess.Popen(
        [*pip, "--no-deps", "--require-hashes", "-r", lock],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("ERROR:"):
                errors.append(line.removeprefix("ERROR:").strip())
            elif line.startswith(("Collecting", "Installing")):
                progress(line.strip().partition(" (from")[0][:100])
    if process.returncode != 0:
        raise EngineError(f"could not be installed: {' '.join(errors)}")


@contextmanager
def serving(name: str, python: Path, folder: Path, signature: str, log: Path) -> Iterator[Client]:
    """A client of an engine's server, once it answers. Raises EngineError."""
    port = free_ports().model_server
    command = [python, "-m", f"{__package__}.{name}.server", str(port), str(folder), signature]
    client_type = importlib.import_module(f"{__package__}.{name}.client").Client
    try:
        with listening(command, port, log), client_type(f"{HOST}:{port}") as client:
            _wait(client, log)
            yield client
    except StartError as error:
        raise EngineError(f"did not start: {error}") from None


def _wait(client: Client, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not client.ready():
        if time.monotonic() > deadline:
            raise StartError(last_words(log))
        time.sleep(0.1)
