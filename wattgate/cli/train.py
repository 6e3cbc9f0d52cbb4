"""`wattgate train`: what `python -m pipelines.training` does, by its own options."""

import subprocess
import sys

import typer

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def train(context: typer.Context) -> None:
    """Train, evaluate and export both models as new versions; `wattgate train --help` lists the options."""
    # A process of its own: this one need not have TensorFlow, nor wait for it to list its commands.
    command = [sys.executable, "-m", "pipelines.training", *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own command
