"""`wattgate import`: a TensorFlow model of anybody's becomes one that is served."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.preprocessing.meter_file import Declared
from wattgate.cli.local_models import refusals, refuse, zone_of
from wattgate.cli.publishing import (
    CONFIG,
    MARGIN,
    REPOSITORY,
    SETTLE_S,
    Column,
    Config,
    Judged,
    Labels,
    Margin,
    Models,
    ServedAs,
    Settle,
    TimeZone,
    Unit,
    opened,
    put,
)

if TYPE_CHECKING:
    from pipelines.importing.description import Description

_console = Console(highlight=False)


def _show_schema(is_asked: bool) -> None:
    if is_asked:
        from pipelines.importing.description import Description

        typer.echo(json.dumps(Description.model_json_schema(), indent=2))
        raise typer.Exit


def import_model(
    saved_model: Annotated[
        Path,
        typer.Argument(
            help="Folder of the SavedModel, as model.export or tf.saved_model.save wrote it.", exists=True
        ),
    ],
    spec: Annotated[
        Path,
        typer.Option(
            help="JSON that describes it: resolution, window, horizon, time_zone, features.",
            exists=True,
            dir_okay=False,
        ),
    ],
    name: Annotated[str, typer.Option(help="Name that callers will ask for it by.")],
    repository: Models = REPOSITORY,
    config: Config = CONFIG,
    served_as: ServedAs = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Meter file to judge it by, as publish does; needed where a version serves already.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    tz: TimeZone = None,
    column: Column = None,
    unit: Unit = "kW",
    labels: Labels = "start",
    margin: Margin = MARGIN,
    settle: Settle = SETTLE_S,
    show_schema: Annotated[
        bool,
        typer.Option(
            "--show-schema",
            callback=_show_schema,
            is_eager=True,
            help="Print the JSON Schema of --spec, and do nothing else.",
        ),
    ] = False,
) -> None:
    """Serve a model of your own: any SavedModel that makes (None, horizon) of (None, window, features).

    It is put behind the signatures that are served, compiled if XLA can do that, checked like a model that
    was trained here, and put into the repository as the next version. The first one of a name serves at once,
    a later one becomes `canary`. A SavedModel is a program: import what you trust.

    Refused, with exit code 1, the field and what is right: a spec with a fault, a model that is not as its
    spec says, that needs operations that TensorFlow has not, or that does not answer the same twice. Nothing
    changes then.
    """
    zone, declared = zone_of(tz), Declared(column, unit, labels)
    described = _described(spec)
    with refusals(), tempfile.TemporaryDirectory() as work:
        from pipelines.importing.importing import import_model as make
        from pipelines.publishing.publishing import refuse_unjudged

        served = opened(repository, config, served_as)
        judged = Judged(data.read_bytes(), zone, declared) if data else None
        if judged is None:
            refuse_unjudged(name, served)
        with _console.status(f"Making a version of {saved_model}"):
            made = make(saved_model, described, name, Path(work))
        put(made.folder, name, served, judged, margin, settle)
        if made.why_plain:
            _console.print(f"It is not compiled, which would be faster: {made.why_plain}")
        _console.print(
            f"Model servers follow {config} by themselves. A gateway that does not have {name} yet learns of "
            "it when it starts: restart `wattgate serve`; elsewhere name it in GATEWAY_MODELS, too.",
            soft_wrap=True,
        )


def _described(spec: Path) -> "Description":
    """Before TensorFlow is loaded, which takes seconds."""
    from pipelines.importing.description import DescriptionError, read_description

    try:
        return read_description(spec)
    except (DescriptionError, OSError) as error:
        refuse(error)
