"""`wattgate train`: what `python -m pipelines.training` does, by its own options."""

import os
import sys

import typer


def train(context: typer.Context) -> None:
    """Train, evaluate and export both models as new versions; `wattgate train --help` lists the options."""
    # In this one's place: it need not wait for TensorFlow to list its commands, and signals reach who works.
    os.execv(sys.executable, [sys.executable, "-m", "pipelines.training", *context.args])  # noqa: S606
