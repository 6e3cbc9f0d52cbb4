"""`wattgate backtest`: how good a model's forecasts of a past file would have been."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from pipelines.evaluation.backtest import Report
from pipelines.preprocessing.meter_file import Declared
from wattgate.cli.connection import CaFile, Gateway, ModelName, Server, Zone, call, find_gateway
from wattgate.cli.failures import told
from wattgate.cli.local_models import refusals, zone_of
from wattgate.cli.settings import read_settings
from wattgate.client import FileOptions

_console = Console(stderr=True, highlight=False)


def backtest(
    file: Annotated[Path, typer.Argument(help="Meter file, CSV.", exists=True, dir_okay=False)],
    model: ModelName = None,
    repository: Annotated[
        Path | None,
        typer.Option(
            help="Run a model of this repository (<model>/<version>/) here, without a gateway.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(help="Of the repository; by default the newest.")] = None,
    tz: Zone = None,
    column: Annotated[str | None, typer.Option(help="Header of the column of loads.")] = None,
    unit: Annotated[Literal["kW", "kWh"], typer.Option(help="What the values are.")] = "kW",
    labels: Annotated[
        Literal["start", "end"], typer.Option(help="What of its step a row's time is.")
    ] = "start",
    stride: Annotated[int, typer.Option(min=1, help="Steps from one forecast to the next.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON alone.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it, too: a PNG.")] = None,
    server: Server = None,
    ca_file: CaFile = None,
) -> None:
    """Forecast at every step of a past file, and compare with what came and with naive forecasts.

    A gateway does it or, with --repository, this machine. Windows with a gap are left out.
    """
    settings = read_settings()
    tz, model = tz or settings.time_zone, model or settings.model
    zone = zone_of(tz)
    options: FileOptions = {"time_zone": tz, "column": column, "unit": unit, "labels": labels}
    if repository is None:
        report = _by_gateway(find_gateway(server, ca_file, settings), model, file, stride, options)
    elif model is None:
        raise typer.BadParameter("a repository has no model of its own choice: name one, --model")
    else:
        declared = Declared(column, unit, labels)
        report = _here(repository, model, version, file, stride, zone, declared)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        Console().print(_table(report))
    if plot:
        _draw(report, f"{model or 'default model'}, {file.name}", plot)


def _draw(report: Report, title: str, file: Path) -> None:
    try:
        from pipelines.evaluation.plots import plot_report

        plot_report(report, title, file)
    except (ImportError, OSError, ValueError) as error:
        typer.echo(f"No plot was drawn: {error}", err=True)
        raise typer.Exit(1) from error


def _by_gateway(gateway: Gateway, model: str | None, file: Path, stride: int, options: FileOptions) -> Report:
    def work(gateway: Gateway) -> Report:
        with gateway.client() as client, Progress(console=_console, transient=True) as bars:
            bars.add_task("Forecasting with the gateway", total=None)
            answer = client.backtest_file(file, model, stride=stride, **options)
        return Report.model_validate({name: answer[name] for name in Report.model_fields})

    with told():
        return call(gateway, work)


def _here(
    repository: Path,
    model: str,
    version: int | None,
    file: Path,
    stride: int,
    zone: ZoneInfo | None,
    declared: Declared,
) -> Report:
    with refusals(), Progress(console=_console, transient=True) as bars:
        from pipelines.publishing.judging import backtest as run
        from pipelines.publishing.versions import version_folder

        task = bars.add_task(f"Forecasting with {repository}", total=None)
        return run(
            version_folder(repository, model, version),
            file.read_bytes(),
            zone=zone,
            declared=declared,
            stride=stride,
            tell=lambda done, windows: bars.update(task, completed=done, total=windows),
        )


def _table(report: Report) -> Table:
    table = Table("forecast", "MAE kW", "RMSE kW", "model better by")
    table.title = f"{report.windows:,} forecasts, {report.data_from:%F %R} to {report.data_until:%F %R} UTC"
    for name, other in report.naive.items():
        table.add_row(
            name.replace("_", " "), f"{other.mae_kw:,.2f}", f"{other.rmse_kw:,.2f}", f"{other.skill:.1%}"
        )
    table.add_section()
    table.add_row("model", f"{report.mae_kw:,.2f}", f"{report.rmse_kw:,.2f}")
    covered = {80: report.coverage_80, 95: report.coverage_95}
    within = [f"{share:.1%} within {level} %" for level, share in covered.items() if share is not None]
    scaled = [] if report.mase is None else [f"MASE {report.mase:.3f}"]
    table.caption = ", ".join([*scaled, f"pinball loss {report.pinball_kw:,.2f} kW", *within])
    return table
