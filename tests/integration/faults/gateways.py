"""A gateway of a test's own: set up as it needs it, before model servers it names."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import grpc
import httpx
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local.home import DEMO_USER, Home
from services.local.pair import HOST
from services.local.ports import free_ports
from tests.integration.faults.shipped import NAMES

_START_TIMEOUT_S = 30.0


class Gateway:
    """A gateway process; killed in the end unless it has ended before."""

    module = "services.gateway"
    """What is run."""
    name = "localhost"
    """That of its certificate."""
    within: Sequence[str] = ()
    """A command that runs another, on another host say."""

    def __init__(self, home: Home, model_servers: Sequence[str], **settings: Any) -> None:
        """Name the targets; `settings` are the gateway's own, in small letters."""
        ports = free_ports()
        self.https_port, self.grpc_port = ports.https, ports.grpc
        self.url = f"https://localhost:{ports.https}"
        self.ca_file = home.ca_file
        self._password = home.demo_password.read_text()
        self._log = home.folder / f"gateway-{ports.https}.log"
        known = {
            "bind_address": HOST,
            "https_port": ports.https,
            "grpc_port": ports.grpc,
            "tls_certificate": home.certificate,
            "tls_key": home.key,
            "token_key": home.token_key,
            "password_pepper": home.pepper,
            "token_lifetime_s": 3600,
            "database_url": home.database_url,
            "model_server": ",".join(model_servers),
            "models": json.dumps(NAMES),
            **settings,
        }
        self._environment = {f"GATEWAY_{name.upper()}": str(value) for name, value in known.items()}
        self.trust = ssl.create_default_context(cafile=home.ca_file)

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, without waiting for anything."""
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.within, sys.executable, "-m", self.module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        self._http = httpx.Client(base_url=self.url, verify=self.trust, timeout=10)

    def kill(self) -> None:
        """End it at once."""
        self._http.close()
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Tell it to end, and wait until it has; its exit status."""
        self.terminate()
        self._http.close()
        return self.process.wait(_START_TIMEOUT_S)

    def wait_until_ready(self) -> None:
        """Wait until every model answers its known request."""
        self.wait_for("/readyz", 200)

    def wait_for(self, path: str, status: int, *, within_s: float = _START_TIMEOUT_S) -> float:
        """Wait until a path answers a status; how long that took, s."""
        began = time.monotonic()
        while True:
            assert self.process.poll() is None, self.log()
            try:
                answer = str(self._http.get(path).status_code)
            except httpx.TransportError as error:
                answer = type(error).__name__
            waited = time.monotonic() - began
            if answer == str(status):
                return waited
            assert waited < within_s, f"{path} still answers {answer}\n{self.log()}"
            time.sleep(0.05)

    def get(self, path: str) -> httpx.Response:
        """An answer over HTTPS, without a token."""
        return self._http.get(path)

    @property
    def https_address(self) -> tuple[str, int]:
        """Where its HTTPS port is."""
        return HOST, self.https_port

    @property
    def grpc_target(self) -> str:
        """Where its gRPC port is."""
        return f"{self.name}:{self.grpc_port}"

    @cached_property
    def token(self) -> str:
        """A token of the demo user that outlives any test."""
        return self.login()

    def login(self) -> str:
        """A new token of the demo user."""
        answer = self._http.post("/token", data={"username": DEMO_USER, "password": self._password})
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def health(self) -> str:
        """What grpc.health.v1 on its gRPC port says of the whole."""
        trust = grpc.ssl_channel_credentials(self.ca_file.read_bytes())
        with grpc.secure_channel(f"localhost:{self.grpc_port}", trust) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        name: str = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        return name

    def terminate(self) -> float:
        """Send SIGTERM; when, by time.monotonic()."""
        self.process.terminate()
        return time.monotonic()

    def listens(self) -> bool:
        """Whether either port takes connections."""
        taken = []
        for port in (self.https_port, self.grpc_port):
            with socket.socket() as probe:
                taken.append(probe.connect_ex((HOST, port)) == 0)
        return any(taken)

    def log(self) -> str:
        """The last it said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def connections_to(self, port: int) -> int:
        """Connections it holds open to a port."""
        return sum(1 for each in self._connections() if each.raddr.port == port)

    def connections_of_callers(self) -> int:
        """Connections its callers hold open."""
        ports = {self.https_port, self.grpc_port}
        return sum(1 for each in self._connections() if each.laddr.port in ports)

    def _connections(self) -> list[Any]:
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return [each for each in found if each.raddr]
