"""The command as a process of its own, with a home of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.data import REPOSITORY

COMMAND = [sys.executable, "-m", "wattgate"]


@dataclass(frozen=True)
class Person:
    """Somebody at a shell."""

    home: Path
    environment: dict[str, str]

    @property
    def config(self) -> Path:
        return self.home / ".config" / "wattgate" / "config.toml"

    @property
    def logins(self) -> Path:
        return self.home / ".local" / "state" / "wattgate" / "logins.json"

    def runs(self, *arguments, stdin="", cwd=None, **variables) -> subprocess.CompletedProcess:
        """What a command says where no terminal is."""
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=stdin,
            cwd=cwd or self.home,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def types(self, *arguments, cwd=None, **variables) -> pexpect.spawn:
        """A command at a terminal."""
        return pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *map(str, arguments)],
            cwd=str(cwd or self.home),
            env={**self.environment, **variables},
            encoding="utf-8",
            timeout=30,
            dimensions=(50, 140),
        )

    def configures(self, **settings) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            "".join(f"{name} = {json.dumps(str(value))}\n" for name, value in settings.items())
        )

    def runs_out(self) -> None:
        """Let time pass until every token has run out."""
        kept = json.loads(self.logins.read_text())
        self.logins.write_text(
            json.dumps([{**each, "expires_at": "2024-06-03T00:00:00+00:00"} for each in kept])
        )

    def breaks_tokens(self) -> None:
        """Make every token one that a gateway refuses, whatever the clock says."""
        kept = json.loads(self.logins.read_text())
        self.logins.write_text(json.dumps([{**each, "access_token": "not.a.token"} for each in kept]))


@pytest.fixture
def person(tmp_path):
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("WATTGATE_", "XDG_"))}
    # As wide as tables are, and this tree's own wattgate.
    wide = {"COLUMNS": "140", "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "HOME": str(tmp_path)}
    return Person(tmp_path, {**ours, **wide})


@pytest.fixture
def known(person, running):
    """Somebody who is logged in to the running pair."""
    demo = running.demo
    answer = person.runs(
        "login",
        "--server", demo["https"],
        "--username", demo["username"],
        "--ca-file", demo["ca_file"],
        "--password-stdin",
        stdin=demo["password"],
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return person
