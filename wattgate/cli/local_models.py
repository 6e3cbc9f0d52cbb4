"""What commands that run models themselves have in common."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn
from zoneinfo import ZoneInfo

import typer

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.wall_clock import zone_named


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of an option --tz, None for the model's own. Raises BadParameter."""
    try:
        return zone_named(name) if name else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tz") from error


def refuse(error: Exception) -> NoReturn:
    """End the command with 1 and a sentence."""
    typer.echo(f"Refused: {error}", err=True)
    raise typer.Exit(1) from error


@contextmanager
def refusals() -> Iterator[None]:
    """Load TensorFlow quietly in the block, and end the command with 1 and a sentence where it is refused."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when tensorflow is imported
    try:
        import tensorflow as tf

        from pipelines.evaluation.gate import NotGoodEnoughError
        from pipelines.importing.signatures import UnfitModelError
        from pipelines.publishing.config_file import ConfigError
        from pipelines.publishing.publishing import PublishingError
        from pipelines.publishing.versions import NoVersionError
        from pipelines.training.errors import ExportCheckError
    except ImportError as error:
        typer.echo(f"This needs TensorFlow: pip install 'wattgate[training]' ({error})", err=True)
        raise typer.Exit(1) from error
    tf.get_logger().setLevel("ERROR")  # it calls the session loader deprecated; servers use it
    try:
        yield
    except (
        NotGoodEnoughError,
        ExportCheckError,
        ConfigError,
        PublishingError,
        NoVersionError,
        UnfitModelError,
        InvalidSeriesError,
        OSError,
    ) as error:
        refuse(error)
