"""`wattgate models`: what a gateway serves, or which versions a repository has."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from wattgate.cli.connection import CaFile, Server, find_gateway, served
from wattgate.cli.failures import told

_console = Console(highlight=False)


def models(
    repository: Annotated[
        Path | None,
        typer.Option(
            help="List the versions of this repository (<model>/<version>/) instead, without a gateway.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    config: Annotated[
        Path, typer.Option(help="With --repository, the model config file that has the labels.")
    ] = Path("var/models.config"),
    server: Server = None,
    ca_file: CaFile = None,
) -> None:
    """List the models that a gateway serves: versions, what they were trained on, how they scored.

    With --repository: the versions on this machine, and which of them serve.
    """
    if repository is not None:
        from wattgate.cli.publishing import versions_table

        _console.print(versions_table(repository, config))
        return
    gateway = find_gateway(server, ca_file)
    with told():
        listed = served(gateway)
    table = Table("model", "version", "state", "trained on data until", "MAE kW", "without a model")
    for model in listed:
        name = f"{model.name} (default)" if model.name == listed.default_model else model.name
        table.add_row(
            name,
            str(model.version or ""),
            "available" if model.available else f"not available: {model.reason}",
            f"{model.trained_until:%F}" if model.trained_until else "",
            "" if model.mae_kw is None else f"{model.mae_kw:,.2f}",
            _best(model.naive_mae_kw),
        )
    _console.print(table)


def _best(naive_mae_kw: dict[str, float]) -> str:
    """The best forecast that needs no model."""
    if not naive_mae_kw:
        return ""
    name = min(naive_mae_kw, key=lambda name: naive_mae_kw[name])
    return f"{naive_mae_kw[name]:,.2f} ({name.replace('_', ' ')})"
