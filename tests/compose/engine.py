"""A container engine: the one that answers, or else a real one from the scripts beside this repository."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.data import REPOSITORY

TOOLS = REPOSITORY.parent / "shared" / "tools"
"""local-docker starts an engine where there is none; make-base-image stands in for a registry."""

PYTHON_IMAGE = "python:3.12-slim"
"""What the images are built on."""


def docker(*arguments: object, check: bool = True, **settings: object) -> subprocess.CompletedProcess[str]:
    """A command of Docker's; what it said is in the failure of the test."""
    settings = {"capture_output": True, "text": True, **settings}
    done = subprocess.run(["docker", *map(str, arguments)], check=False, **settings)
    if check and done.returncode:
        pytest.fail(f"docker {shlex.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done


@contextmanager
def running() -> Iterator[None]:
    """An engine with the base image, until the end of the block. Skips the tests where none can be had."""
    if answers():
        _base()
        yield
        return
    if not (TOOLS / "local-docker").exists() or os.geteuid() != 0:
        pytest.skip("no container engine answers, and there is none to start")
    lines = subprocess.run([TOOLS / "local-docker", "up"], stdout=subprocess.PIPE, text=True, check=False)
    if lines.returncode:
        pytest.skip("no container engine can be had: local-docker failed")
    variables = dict(word.split("=", 1) for word in shlex.split(lines.stdout) if "=" in word)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        try:
            _base()
            yield
        finally:
            subprocess.run([TOOLS / "local-docker", "down"], check=False)


def answers() -> bool:
    """Whether there is an engine, and Compose."""
    try:
        asked = [docker("info", check=False), docker("compose", "version", check=False)]
    except FileNotFoundError:
        return False
    return not any(each.returncode for each in asked)


def _base() -> None:
    """Where no registry has it, it is made; elsewhere the build gets it."""
    there = docker("image", "inspect", PYTHON_IMAGE, check=False).returncode == 0
    if not there and (TOOLS / "local-docker").exists():
        subprocess.run([TOOLS / "local-docker", "base"], check=True)
