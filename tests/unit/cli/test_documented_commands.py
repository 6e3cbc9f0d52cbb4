"""Every `wattgate ...` that the documentation names is a command with these options."""

import re
from itertools import chain
from pathlib import Path

import pytest
import typer

from pipelines.training.__main__ import app as training
from tests.data import REPOSITORY
from wattgate.cli import app

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
NAMED = re.compile(r"`wattgate ([a-z][^`]*)`")


def commands(page: Path) -> list[str]:
    return NAMED.findall(page.read_text())


def options(words: list[str]) -> set[str] | None:
    """Those of a command; None where there is none of that name."""
    found = typer.main.get_command(training if words[0] == "train" else app)
    for word in words if words[0] != "train" else []:
        if word.startswith("-") or not hasattr(found, "get_command"):
            break
        found = found.get_command(typer.Context(found), word)
        if found is None:
            return None
    return set(chain.from_iterable(parameter.opts for parameter in found.params)) | {"--help"}


def test_the_pages_name_commands():
    assert sum(len(commands(page)) for page in PAGES) > 10


@pytest.mark.parametrize("command", sorted({command for page in PAGES for command in commands(page)}))
def test_a_command_that_is_documented_is_there_with_its_options(command):
    words = command.split()
    known = options(words)
    assert known is not None, f"there is no wattgate {command}"
    assert {word for word in words if word.startswith("--")} <= known
