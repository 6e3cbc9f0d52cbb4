"""The `wattgate` command: what `--help` says of each part, on one page."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.cli import get_docs_for_click
from typer.core import TyperGroup

from docs.reference.markdown import described
from pipelines.training.__main__ import app as training
from wattgate.cli import app

NAME = "wattgate"


def command_tree() -> str:
    """Every command with its arguments and options."""
    command = whole()
    for name, each in commands(command, NAME):
        described(name, each.help)
        for parameter in each.params:
            described(f"{name} {parameter.name}", getattr(parameter, "help", None))
    text: str = get_docs_for_click(obj=command, ctx=typer.Context(command), name=NAME)
    # The page has a title of its own.
    return text.partition("\n")[2].replace("&#x27;", "'")


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A command and all below it, by their full names."""
    yield name, command
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for each in command.list_commands(context):
            yield from commands(command.get_command(context, each), f"{name} {each}")


def whole() -> Any:
    """What is typed; `train` is a command of its own, which this one runs."""
    command: Any = typer.main.get_command(app)
    command.add_command(typer.main.get_command(training), "train")
    context = typer.Context(command)
    for name in command.list_commands(context):
        command.get_command(context, name).name = name
    return command
