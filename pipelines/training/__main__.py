"""`python -m pipelines.training`: train, evaluate and export models."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipelines.errors import InvalidSeriesError
from pipelines.evaluation.gate import NotGoodEnoughError
from pipelines.preprocessing.meter_file import Declared, read_meter_file
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.wall_clock import zone_named
from pipelines.training.errors import ExportCheckError, TooLittleDataError
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.sample import SAMPLE_FILE, write_sample
from pipelines.training.supermarket import supermarket_load

if TYPE_CHECKING:
    from pipelines.training.fitting import Progress as Fitted
    from pipelines.training.training import Outcome, Stage

SHIPPED = Path("models")

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
console = Console()


@app.command()
def main(
    data: Annotated[
        Path | None,
        typer.Option(help="Meter file, CSV. Without one: generated load.", exists=True, dir_okay=False),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="Zone of times without an offset, and of the daily and weekly rhythm.")
    ] = "Europe/Berlin",
    column: Annotated[str | None, typer.Option(help="Header of the column of loads.")] = None,
    unit: Annotated[Literal["kW", "kWh"], typer.Option(help="What the values are.")] = "kW",
    labels: Annotated[
        Literal["start", "end"], typer.Option(help="What of its step a row's time is.")
    ] = "start",
    out: Annotated[Path, typer.Option(help="Model repository to write to.", file_okay=False)] = SHIPPED,
    model: Annotated[Architecture | None, typer.Option(help="Train this one alone.")] = None,
    runs: Annotated[
        Path, typer.Option(help="Where each run leaves its configuration, history, metrics and plots.")
    ] = Path("build/runs"),
) -> None:
    """Train, evaluate and export models as new versions.

    A model that a naive forecast beats on the newest tenth of the data is not exported; the exit status is 1.
    """
    zone, declared = _zone(time_zone), Declared(column, unit, labels)
    try:
        series = _read(data, zone, declared) if data else supermarket_load()
        console.print(f"{data or 'Generated supermarket load'}: {series.kw.size:,} rows")
        are_written = _run(series, str(data or "generated load"), zone, _Places(out, runs), model)
    except (InvalidSeriesError, TooLittleDataError) as error:
        typer.echo(f"No model was written for {data or 'the generated load'}: {error}", err=True)
        raise typer.Exit(1) from error
    if data is None and out == SHIPPED:
        write_sample(SAMPLE_FILE)
        console.print(f"sample: {SAMPLE_FILE}")
    if not are_written:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Places:
    """Where a model and what is kept of its training go."""

    repository: Path
    runs: Path


def _read(data: Path, zone: ZoneInfo, declared: Declared) -> LoadSeries:
    return read_meter_file(data.read_bytes(), zone=zone, declared=declared)


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--time-zone") from error


def _run(
    series: LoadSeries, source: str, zone: ZoneInfo, places: _Places, model: Architecture | None
) -> bool:
    """Train both models, or the one named; whether each was good enough to be written."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when tensorflow is imported, below
    import tensorflow as tf

    from pipelines.training.runs import write_run
    from pipelines.training.training import prepare, train

    tf.get_logger().setLevel("ERROR")  # it calls the session loader deprecated; servers use it
    hyperparameters = Hyperparameters()
    dataset = prepare(series, zone, hyperparameters)
    began = time.monotonic()
    names: tuple[Architecture, ...] = (model,) if model else get_args(Architecture)
    outcomes: dict[str, Outcome] = {}
    with _bars() as bars:
        for name in names:
            bar = _Bar(bars, name, hyperparameters.epochs)
            try:
                outcome = train(name, dataset, hyperparameters, places.repository, bar.tell)
            except (NotGoodEnoughError, ExportCheckError) as error:
                typer.echo(f"{name} was not written: {error}", err=True)
                continue
            finally:
                bar.finish()
            outcomes[name] = outcome
            run = write_run(places.runs, name, source, hyperparameters, outcome)
            console.print(f"{name}: {outcome.folder}, run {run}", soft_wrap=True)
    if outcomes:
        console.print(_table(outcomes))
    console.print(f"Took {(time.monotonic() - began) / 60:.1f} minutes.")
    return len(outcomes) == len(names)


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=console,
    )


class _Bar:
    """The progress of one model, over its epochs."""

    def __init__(self, bars: Progress, name: str, epochs: int) -> None:
        self._bars = bars
        self._epochs = epochs
        self._task: TaskID = bars.add_task(name, total=2 * epochs, state="compiling")

    def tell(self, stage: "Stage", fitted: "Fitted") -> None:
        """Show how far fitting has come."""
        unseen = "" if fitted.best_validation_mae is None else f", unseen {fitted.best_validation_mae:.4f}"
        self._bars.update(
            self._task,
            completed=(stage == "fitting all") * self._epochs + fitted.epoch - 1 + fitted.step / fitted.steps,
            state=f"{stage}: epoch {fitted.epoch}/{self._epochs}, error {fitted.train_mae:.4f}{unseen}",
        )

    def finish(self) -> None:
        """Fill the bar: early stopping leaves it short."""
        self._bars.update(self._task, completed=2 * self._epochs)


def _table(outcomes: dict[str, "Outcome"]) -> Table:
    """Errors on the test windows; per model, how much smaller than each other forecast's."""
    reports = {name: outcome.report for name, outcome in outcomes.items()}
    table = Table(title="On the test windows, which no model was fitted to")
    for header in ("forecast", "MAE kW", "RMSE kW", *(f"{name} better by" for name in reports)):
        table.add_column(header, justify="left" if header == "forecast" else "right")
    for name, other in next(iter(reports.values())).naive.items():
        gains = [f"{report.naive[name].skill:.1%}" for report in reports.values()]
        table.add_row(name, f"{other.mae_kw:,.2f}", f"{other.rmse_kw:,.2f}", *gains)
    table.add_section()
    for name, report in reports.items():
        table.add_row(name, f"{report.mae_kw:,.2f}", f"{report.rmse_kw:,.2f}")
    for level in (80, 95):
        shares = [getattr(report, f"coverage_{level}") for report in reports.values()]
        if None not in shares:
            table.add_row(f"within {level} %", "", "", *(f"{share:.1%}" for share in shares))
    return table


if __name__ == "__main__":
    app()
