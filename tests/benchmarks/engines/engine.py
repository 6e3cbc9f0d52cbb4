"""An engine as benchmarks see it: an environment of its own, made on first use, and a server in it."""

import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
from rich import get_console
from rich.status import Status

from services.local.pair import HOST
from services.local.ports import free_ports
from tests.benchmarks.engines import MODEL
from tests.benchmarks.servers import START_TIMEOUT_S, StartError, last_words, listening
from wattgate.openinference.methods import MODEL_METADATA
from wattgate.openinference.v2 import inference_pb2

FOLDERS = Path(__file__).parent
ENVIRONMENTS = Path("build") / "engines"

_INSTALLED = "requirements.txt"
"""Copy of the lock file, within the environment that was made by it."""

TRITON, BENTOML = "triton", "bentoml"
"""Adapters of the gateway, as GATEWAY_ENGINE names them."""


class Engine(NamedTuple):
    """A server that is not ours."""

    adapter: str
    """By which the gateway calls it."""
    lock: Path
    """What its environment holds."""


ENGINES = {
    "triton": Engine(TRITON, Path("requirements") / "triton.txt"),
    "bentoml": Engine(BENTOML, Path("requirements") / "bentoml.txt"),
    "mlserver": Engine(TRITON, FOLDERS / "mlserver" / "requirements.txt"),
    "kserve": Engine(TRITON, FOLDERS / "kserve" / "requirements.txt"),
    "litserve": Engine(BENTOML, FOLDERS / "litserve" / "requirements.txt"),
}


class EngineError(Exception):
    """An engine that cannot be measured; the message says why."""


class Running(NamedTuple):
    """A server that answers."""

    port: int
    pid: int
    start_s: float
    """From nothing to the first answer."""

    def address(self, adapter: str) -> str:
        """As the gateway is told it."""
        return f"http://{HOST}:{self.port}" if adapter == BENTOML else f"{HOST}:{self.port}"


def environment(name: str, progress: Callable[[str], None], *, within: Path = ENVIRONMENTS) -> Path:
    """The Python of an engine's environment, which is made anew when the lock file is not the one it has.

    Progress is told in lines. Raises EngineError.
    """
    found = installed(name, within=within)
    if found:
        return found
    lock, home = ENGINES[name].lock, within / name
    python = home / "bin" / "python"
    progress(f"Setting up {home} (1.8 GB, once)")
    venv.create(home, clear=True)
    _install(python, lock, progress)
    (home / _INSTALLED).write_bytes(lock.read_bytes())
    return python


def installed(name: str, *, within: Path = ENVIRONMENTS) -> Path | None:
    """The Python of an engine's environment, where there is one by its lock file."""
    of = within / name / _INSTALLED
    if of.exists() and of.read_bytes() == ENGINES[name].lock.read_bytes():
        return within / name / "bin" / "python"
    return None


def environments(names: Sequence[str]) -> tuple[dict[str, Path], dict[str, str]]:
    """The Pythons of engines, and why others have none; progress is shown."""
    pythons, missing = {}, {}
    console = get_console()
    for name in names:
        with console.status(name) as status:

            def progress(line: str, name: str = name, status: Status = status) -> None:
                said = f"{name}: {line}"
                status.update(said) if console.is_terminal else console.print(said)

            try:
                pythons[name] = environment(name, progress)
            except EngineError as error:
                missing[name] = str(error)
    return pythons, missing


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
def serving(name: str, python: Path, models: Path, log: Path) -> Iterator[Running]:
    """An engine that serves a repository of models, from its first answer on. Raises EngineError."""
    port = free_ports().model_server
    # Not resolved: the link in the environment is what makes it that environment's Python.
    command = [python.absolute(), "-m", f"{__package__}.{name}.server", str(port), str(models.absolute())]
    answers = _answers_http if ENGINES[name].adapter == BENTOML else _answers_grpc
    began = time.perf_counter()
    try:
        # What a server leaves behind goes with the folder.
        with (
            tempfile.TemporaryDirectory() as folder,
            listening(command, port, log, TMPDIR=folder) as pid,
        ):
            while not answers(port):
                if time.perf_counter() - began > START_TIMEOUT_S:
                    raise StartError(last_words(log))
                time.sleep(0.1)
            yield Running(port, pid, time.perf_counter() - began)
    except StartError as error:
        raise EngineError(f"did not start: {error}") from None


def _answers_grpc(port: int) -> bool:
    request = inference_pb2.ModelMetadataRequest(name=MODEL)
    with grpc.insecure_channel(f"{HOST}:{port}") as channel:
        try:
            channel.unary_unary(MODEL_METADATA)(request.SerializeToString(), timeout=5)
        except grpc.RpcError:
            return False
        return True


def _answers_http(port: int) -> bool:
    try:
        answer = httpx.post(f"http://{HOST}:{port}/versions", json={"model": MODEL}, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and bool(answer.json())
