"""The composed system as the tests run it: the files as they are, with a name and secrets of its own."""

import json
import os
import ssl
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.engine import docker
from tests.data import REPOSITORY

COMPOSE = REPOSITORY / "deploy" / "compose"
PROJECT = "wattgate-test"
USER, PASSWORD = "ada", "correct horse battery staple"
READY_S = 90.0


@dataclass
class Stack:
    """One project; its secrets are below a folder of the test's."""

    secrets: Path
    overlays: tuple[str, ...] = ()
    """As they are named to up.sh."""
    said: str = ""
    """What up.sh printed last."""
    variables: dict[str, str] = field(default_factory=dict)

    def up(self, *overlays: str, **variables: str) -> None:
        """Start it, or change what runs, as `make compose-up` does; wait until it is well."""
        self.overlays, self.variables = overlays, {**self.variables, **variables}
        done = subprocess.run(
            [COMPOSE / "up.sh", *overlays],
            cwd=REPOSITORY,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.said = done.stdout
        if done.returncode:
            pytest.fail(f"{self.said}\n{self.logs()}")

    def down(self) -> None:
        """End it; nothing of it stays."""
        docker("compose", "--project-name", PROJECT, "down", "--volumes", "--timeout", "5", cwd="/")

    def compose(self, *arguments: str, check: bool = True, **settings: Any) -> str:
        """What a command of Compose's prints."""
        named = files(self.overlays)
        environment = self._environment()
        return docker("compose", *named, *arguments, check=check, env=environment, **settings).stdout

    def _environment(self) -> dict[str, str]:
        ours = {"COMPOSE_PROJECT_NAME": PROJECT, "WATTGATE_SECRETS": str(self.secrets)}
        return {**os.environ, **ours, **self.variables}

    def services(self) -> list[str]:
        """Those that run."""
        return sorted(self.compose("ps", "--services").split())

    def id(self, service: str) -> str:
        """Its container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine tells of its container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.id(service)).stdout)
        return found[0]

    def run(self, service: str, *command: str, check: bool = True, **settings: Any) -> str:
        """What a command in its container prints, errors too."""
        done = docker("exec", "--interactive", self.id(service), *command, check=check, **settings)
        return done.stdout + done.stderr

    def logs(self) -> str:
        """The last that all of them said."""
        return self.compose("logs", "--no-color", "--tail", "40", check=False)

    @property
    def ca_file(self) -> Path:
        """The authority that clients trust."""
        return self.secrets / "ca.pem"

    def add_user(self) -> None:
        """The first account, as the README tells."""
        command = ("python", "-m", "wattgate", "users", "add", USER, "--admin", "--password-stdin")
        self.run("gateway", *command, input=PASSWORD + "\n")

    def client(self, port: int = 443) -> httpx.Client:
        """A caller of the gateway at a port of this machine."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        return httpx.Client(base_url=f"https://localhost:{port}", verify=trust, timeout=10)

    def wait_until_ready(self, port: int = 443) -> float:
        """Wait until callers are answered; how long that took, s."""
        began = time.monotonic()
        with self.client(port) as client:
            while True:
                try:
                    if client.get("/readyz").is_success:
                        return time.monotonic() - began
                except httpx.TransportError:
                    pass
                assert time.monotonic() - began < READY_S, self.logs()
                time.sleep(0.2)

    def wait_until_healthy(self, service: str) -> None:
        """Wait until the engine says so."""
        deadline = time.monotonic() + READY_S
        while (state := self.inspect(service)["State"])["Health"]["Status"] != "healthy":
            assert time.monotonic() < deadline, state
            time.sleep(0.5)


def files(overlays: tuple[str, ...]) -> list[str]:
    """The options of Compose that name the files of these overlays, as up.sh does."""
    both = [f"scale.{name}" for name in ("embedded", "observe") if {"scale", name} <= set(overlays)]
    named = ["compose", *(f"compose.{name}" for name in (*overlays, *both))]
    return [word for name in named for word in ("--file", str(COMPOSE / f"{name}.yaml"))]
