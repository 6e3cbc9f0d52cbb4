"""Both services on one machine: embedded model server and gateway, started, watched and stopped together."""

import contextlib
import fcntl
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from services.local.certificates import write_secret
from services.local.home import DEMO_USER, Home

HOST = "127.0.0.1"
MODEL_SERVER, GATEWAY = "model server", "gateway"
_KEEPALIVE = "grpc.http2.min_ping_interval_without_data_ms=10000,grpc.keepalive_permit_without_calls=1"
"""The gateway may look after its connection, down to one ping in ten seconds."""
_CONFIG_POLL_S = 1
"""How soon the model server follows what `wattgate publish` and its like write."""
_DEFAULT_MODEL = "cnn"
_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 20.0


class PairError(Exception):
    """The pair cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class Ports:
    """Where the two services listen."""

    https: int = 8443
    grpc: int = 8444
    model_server: int = 8500
    model_server_rest: int = 0
    """0: the model server answers no REST."""


@dataclass(frozen=True)
class Demo:
    """What a client needs to know of a running pair: the content of `demo.json`."""

    https: str
    grpc: str
    model_server: str
    ca_file: str
    username: str
    password: str


class Pair:
    """The two processes of a running pair."""

    def __init__(self, home: Home, ports: Ports, models: Path, workers: int = 1) -> None:
        """Name folder, ports, model repository and the gateway's processes; nothing is started yet."""
        self._home, self._ports, self._models, self._workers = home, ports, models, workers
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_model_server(self) -> None:
        """Start the model server on every model of the repository."""
        self.write_model_config()
        self._start(
            MODEL_SERVER,
            [
                "services.serving",
                f"--bind_address={HOST}",
                f"--port={self._ports.model_server}",
                f"--rest_api_port={self._ports.model_server_rest}",
                f"--model_config_file={self._home.model_config}",
                f"--model_config_file_poll_wait_seconds={_CONFIG_POLL_S}",
                "--enable_grpc_healthcheck_service=true",
                f"--grpc_channel_arguments={_KEEPALIVE}",
            ],
        )

    def write_model_config(self) -> None:
        """List every model of the repository; which versions of those listed before serve stays as it was."""
        from pipelines.publishing.config_file import ConfigError, ModelConfigFile

        try:
            ModelConfigFile(self._home.model_config).list_only(
                {name: (self._models / name).resolve() for name in self.model_names()}
            )
        except ConfigError as error:
            raise PairError(f"{error}; remove the file to serve the newest version of each model") from error

    def start_gateway(self) -> None:
        """Start the gateway; it becomes ready once the model server is."""
        settings = {
            "BIND_ADDRESS": HOST,
            "HTTPS_PORT": str(self._ports.https),
            "GRPC_PORT": str(self._ports.grpc),
            "TLS_CERTIFICATE": str(self._home.certificate),
            "TLS_KEY": str(self._home.key),
            "TOKEN_KEY": str(self._home.token_key),
            "PASSWORD_PEPPER": str(self._home.pepper),
            "DATABASE_URL": self._home.database_url,
            "MODEL_SERVER": f"{HOST}:{self._ports.model_server}",
            "MODELS": json.dumps(self.model_names()),
            "DEFAULT_MODEL": self.default_model(),
            "WORKERS": str(self._workers),
            "DOCS": "true",
        }
        self._start(
            GATEWAY, ["services.gateway"], {f"GATEWAY_{name}": value for name, value in settings.items()}
        )

    def model_names(self) -> list[str]:
        """The models of the repository. Raises PairError where there is none."""
        names = sorted(folder.name for folder in self._models.glob("*") if folder.is_dir())
        if not names:
            raise PairError(f"There is no model in {self._models}: `make train` makes some")
        return names

    def default_model(self) -> str:
        """The one that `POST /predict` means: as ever, whatever models came beside it."""
        names = self.model_names()
        return _DEFAULT_MODEL if _DEFAULT_MODEL in names else names[0]

    def demo(self) -> Demo:
        """What a client needs to know."""
        return Demo(
            https=f"https://localhost:{self._ports.https}",
            grpc=f"localhost:{self._ports.grpc}",
            model_server=f"localhost:{self._ports.model_server}",
            ca_file=str(self._home.ca_file),
            username=DEMO_USER,
            password=self._home.demo_password.read_text(),
        )

    def wait_until_ready(self) -> None:
        """Wait until every model answers its known request; raises PairError where it comes to nothing."""
        trust = ssl.create_default_context(cafile=str(self._home.ca_file))
        deadline = time.monotonic() + _START_TIMEOUT_S
        with httpx.Client(verify=trust, base_url=f"https://localhost:{self._ports.https}") as client:
            while time.monotonic() < deadline:
                self.check_alive()
                try:
                    if client.get("/readyz").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
        raise PairError(f"Not ready after {_START_TIMEOUT_S:.0f} s; see {self._log_file(GATEWAY)}")

    def check_alive(self) -> None:
        """Raise PairError, with the last it said, where a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = self._log_file(name)
                last = log.read_text(errors="replace").splitlines()[-5:]
                said = f"The {name} ended with status {process.returncode}. The last of {log}:"
                raise PairError("\n  ".join([said, *last]))

    def stop(self) -> None:
        """Stop the gateway, then the model server, each after the calls in flight.

        Whoever is in a hurry interrupts again: then both are killed.
        """
        try:
            for name in (GATEWAY, MODEL_SERVER):
                if name in self.processes:
                    self.processes[name].terminate()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.processes[name].wait(_STOP_TIMEOUT_S)
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            self.processes.clear()

    def _start(self, name: str, module: list[str], settings: dict[str, str] | None = None) -> None:
        write_secret(self._log_file(name), b"")  # it names users
        with self._log_file(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(settings or {})},
                # Ctrl-C reaches us alone; we stop them in order.
                start_new_session=True,
            )

    def _log_file(self, name: str) -> Path:
        return self._home.folder / f"{name.replace(' ', '-')}.log"


@contextmanager
def running_pair(
    folder: Path,
    ports: Ports,
    models: Path,
    *,
    workers: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Generator[Pair, None, None]:
    """A pair that is ready; set up below `folder` on first use, stopped in the end.

    While it runs, `folder`/demo.json holds its `Demo`. Raises PairError where it cannot start.
    """
    _refuse_taken(ports)
    home = Home(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone_in(folder):
        progress("Checking certificates, keys and the demo user")
        home.set_up()
        yield from _run(Pair(home, ports, models, workers), home, progress)


def _run(pair: Pair, home: Home, progress: Callable[[str], None]) -> Generator[Pair, None, None]:
    home.demo.unlink(missing_ok=True)
    try:
        progress("Starting the model server and the gateway")
        pair.start_model_server()
        pair.start_gateway()
        progress("Loading and warming the models")
        pair.wait_until_ready()
        write_secret(home.demo, json.dumps(asdict(pair.demo()), indent=2).encode())
        yield pair
    finally:
        home.demo.unlink(missing_ok=True)
        pair.stop()


@contextmanager
def _alone_in(folder: Path) -> Generator[None, None, None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PairError(
                f"A pair runs in {folder} already: stop it, or name another folder with --var"
            ) from None
        yield


def _refuse_taken(ports: Ports) -> None:
    variables = {
        "HTTPS_PORT": ports.https,
        "GRPC_PORT": ports.grpc,
        "MODEL_SERVER_PORT": ports.model_server,
    }
    if len(set(variables.values())) < len(variables):
        raise PairError(f"{', '.join(variables)} must differ")
    for variable, port in variables.items():
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise PairError(
                    f"Port {port} cannot be had ({error.strerror}): set {variable} to another"
                ) from None
