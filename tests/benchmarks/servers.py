"""Servers of the shipped models as processes: started on free ports, waited for, stopped."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich import get_console

from services.local.home import Home
from services.local.pair import HOST, Pair, PairError, running_pair
from services.local.ports import free_ports

MODELS = Path("models")
BATCHING = Path("services") / "serving" / "config" / "batching.config"
SAMPLE = Path("samples") / "supermarket.csv"
MODEL = "gru"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 20


class StartError(Exception):
    """A server that did not start; the message says what it said last."""


class Served(NamedTuple):
    """A model server: its ports, its process, and how long that took until it listened."""

    grpc: int
    rest: int
    pid: int
    start_s: float


@contextmanager
def listening(command: Sequence[str | Path], port: int, log: Path, **environment: str) -> Iterator[int]:
    """The id of a process that listens on the port, from then on until the end. Raises StartError."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(last_words(log))
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def last_words(log: Path) -> str:
    """The end of what a server wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])


@contextmanager
def shipped_pair() -> Iterator[tuple[Pair, Home]]:
    """A pair with the shipped models, and its folder; ends the program where it cannot start."""
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            with get_console().status("Starting"):
                pair = stack.enter_context(running_pair(Path(folder), free_ports(), MODELS))
            yield pair, Home(Path(folder))
    except PairError as error:
        sys.exit(str(error))


@contextmanager
def model_server(log: Path, *flags: str, models: Path = MODELS) -> Iterator[Served]:
    """The embedded model server of the one model. Raises StartError."""
    began = time.perf_counter()
    ports = free_ports(rest=True)
    command = [
        *(sys.executable, "-m", "services.serving", f"--bind_address={HOST}"),
        f"--port={ports.model_server}",
        f"--rest_api_port={ports.model_server_rest}",
        f"--model_name={MODEL}",
        f"--model_base_path={(models / MODEL).absolute()}",
        *flags,
    ]
    with listening(command, ports.model_server, log) as pid:
        yield Served(ports.model_server, ports.model_server_rest, pid, time.perf_counter() - began)
