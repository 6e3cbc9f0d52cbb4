"""`wattgate forecast`: the next steps of one or many meter files."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress

from wattgate.cli.connection import CaFile, Gateway, ModelName, Server, Zone, call, find_gateway
from wattgate.cli.failures import Exit, code_of, told, words_of
from wattgate.cli.forecast_table import forecast_table, violations_table
from wattgate.cli.settings import read_settings
from wattgate.client import Client, FileOptions, Forecast
from wattgate.errors import Refused, Unauthorized, WattgateError

_AT_ONCE = 4
"""Files on their way together: half of what a gateway computes at a time."""
_MOST_PLOTTED = 12

Outcome: TypeAlias = Forecast | WattgateError | OSError

_stderr = Console(stderr=True, highlight=False)


def forecast(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Meter files, CSV.")],
    model: ModelName = None,
    grpc: Annotated[bool, typer.Option("--grpc", help="Send them over gRPC.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw them, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone: a line a file.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV alone: a row a step.")] = False,
    tz: Zone = None,
    column: Annotated[str | None, typer.Option(help="Header of the column of loads.")] = None,
    unit: Annotated[
        Literal["kW", "kWh"] | None, typer.Option(help="What the values are; by default kW.")
    ] = None,
    labels: Annotated[
        Literal["start", "end"] | None,
        typer.Option(help="What of its step a row's time is; by default its start."),
    ] = None,
    doubled_hour: Annotated[
        Literal["order", "first", "second"] | None,
        typer.Option(help="Which of the two it is where the clock goes back and a file has the hour once."),
    ] = None,
    gaps: Annotated[
        Literal["reject", "linear"] | None,
        typer.Option(help="Refuse missing steps, as by default, or fill them along straight lines."),
    ] = None,
    max_gap_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=96,
            help="Longest gap that --gaps linear fills, steps; by default an hour's, one at least.",
        ),
    ] = None,
    fallback: Annotated[
        Literal["none", "seasonal_naive"] | None,
        typer.Option(help="What to answer where the meter is at fault: an error, or last week's load."),
    ] = None,
    server: Server = None,
    ca_file: CaFile = None,
) -> None:
    """Forecast what follows the last row of each file: a table each, with intervals and a small chart.

    A file that is refused does not keep the others from their forecasts: its rows at fault are shown, and
    the exit code is not 0. Times are local to the model's zone.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    if plot and len(files) > _MOST_PLOTTED:
        raise typer.BadParameter(f"{len(files)} files are too many for one plot: {_MOST_PLOTTED} at most")
    settings = read_settings()
    options: FileOptions = {
        "time_zone": tz or settings.time_zone,
        "column": column,
        "unit": unit,
        "labels": labels,
        "doubled_hour": doubled_hour,
        "gaps": gaps,
        "max_gap_steps": max_gap_steps,
        "fallback": fallback,
    }
    gateway = find_gateway(server, ca_file, settings)

    def work(gateway: Gateway) -> list[Outcome]:
        with gateway.client(over_grpc=grpc) as client:
            return _all(files, partial(_one, client, model or settings.model, options))

    with told():
        outcomes = list(zip(files, call(gateway, work), strict=True))
    shown = [(file, found) for file, found in outcomes if isinstance(found, Forecast)]
    failed = [(file, found) for file, found in outcomes if not isinstance(found, Forecast)]
    if as_json:
        for file, outcome in outcomes:
            typer.echo(json.dumps(_document(file, outcome), default=datetime.isoformat))
    elif as_csv:
        typer.echo(_csv(shown) if len(files) > 1 else "".join(found.to_csv() for _, found in shown), nl=False)
    else:
        console = Console()
        for file, found in shown:
            title = f"{file}: {found.model}, version {found.model_version}"
            console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
            ascii_only = console.options.ascii_only
            console.print(forecast_table(found, console.width, ascii_only=ascii_only))
    for file, error in failed:
        _stderr.print(f"{file}: {words_of(error)}", style="red", markup=False, soft_wrap=True)
        if isinstance(error, Refused) and error.violations:
            _stderr.print(violations_table(error.violations))
    if plot and shown:
        _draw(shown, plot)
    if failed:
        raise typer.Exit(max(code_of(error) for _, error in failed))


def _all(files: Sequence[Path], one: Callable[[Path], Outcome]) -> list[Outcome]:
    """The outcomes, in the order of the files. Raises Unauthorized where one is: so would be all."""
    with (
        Progress(console=_stderr, transient=True, disable=len(files) == 1) as bars,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        outcomes = []
        for outcome in bars.track(threads.map(one, files), total=len(files), description="Forecasting"):
            if isinstance(outcome, Unauthorized):
                threads.shutdown(cancel_futures=True)
                raise outcome
            outcomes.append(outcome)
    return outcomes


def _one(client: Client, model: str | None, options: FileOptions, file: Path) -> Outcome:
    try:
        return client.forecast_file(file, model, **options)
    except (WattgateError, OSError) as error:
        return error


def _document(file: Path, outcome: Outcome) -> dict[str, Any]:
    """As the API says it, by the name of the file."""
    if isinstance(outcome, Forecast):
        document = asdict(outcome)
        for repair in document["repaired"]:
            repair["from"] = repair.pop("since")
        return {"file": str(file), **document}
    error: dict[str, Any] = {"detail": str(outcome)}
    if isinstance(outcome, WattgateError):
        error.update(status=outcome.status, reason=outcome.reason)
    if isinstance(outcome, Refused):
        error["errors"] = [asdict(violation) for violation in outcome.violations]
    return {"file": str(file), "error": error}


def _csv(forecasts: Sequence[tuple[Path, Forecast]]) -> str:
    """Those of several files: each row begins with its file. A fallback has no bounds."""
    text = io.StringIO()
    columns = max((found.columns() for _, found in forecasts), key=len, default=())
    writer = csv.DictWriter(text, ("file", "valid_from", "valid_to", *columns), lineterminator="\n")
    writer.writeheader()
    for file, found in forecasts:
        writer.writerows({"file": file, **row} for row in csv.DictReader(io.StringIO(found.to_csv())))
    return text.getvalue()


def _draw(forecasts: Sequence[tuple[Path, Forecast]], plot: Path) -> None:
    try:
        from wattgate.cli.forecast_plot import plot_forecasts

        plot_forecasts([(file.name, found) for file, found in forecasts], plot)
    except ImportError:
        typer.echo("Plots need matplotlib: pip install matplotlib", err=True)
    except (OSError, ValueError) as error:
        typer.echo(f"No plot was drawn: {error}", err=True)
    else:
        return
    raise typer.Exit(Exit.FAILED)
