"""`python -m pipelines.training`: train, evaluate and export models."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipelines.errors import InvalidSeriesError
from pipelines.evaluation.gate import NotGoodEnoughError
from pipelines.preprocessing.meter_file import read_meter_file
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
    out: Annotated[Path, typer.Option(help="Model repository to write to.", file_okay=False)] = SHIPPED,
    model: Annotated[Architecture | None, typer.Option(help="Train this one alone.")] = None,
    runs: Annotated[
        Path, typer.Option(help="Where each run leaves its configuration, history, metrics and plots.")
    ] = Path("build/runs"),
) -> None:
    """Train, evaluate and export models as new versions.

    A model that a naive forecast beats on the newest tenth of the data is not exported.
    """
    try:
        _run(data, _zone(time_zone), out, runs, (model,) if model else get_args(Architecture))
    except (InvalidSeriesError, TooLittleDataError, NotGoodEnoughError, ExportCheckError) as error:
        typer.echo(f"No model was written for {data or 'the generated load'}: {error}", err=True)
        raise typer.Exit(1) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--time-zone") from error


def _run(data: Path | None, zone: ZoneInfo, out: Path, runs: Path, models: tuple[Architecture, ...]) -> None:
    series = read_meter_file(data.read_bytes(), zone=zone) if data else supermarket_load()
    console.print(f"{data or 'Generated supermarket load'}: {series.kw.size:,} rows")

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when tensorflow is imported, below
    import tensorflow as tf

    from pipelines.training.runs import write_run
    from pipelines.training.training import prepare, train

    tf.get_logger().setLevel("ERROR")  # it calls the session loader deprecated; servers use it
    hyperparameters = Hyperparameters()
    dataset = prepare(series, zone, hyperparameters)
    began = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    with _bars() as bars:
        for name in models:
            bar = _Bar(bars, name, hyperparameters.epochs)
            outcomes[name] = train(name, dataset, hyperparameters, out, bar.tell)
            bar.finish()

    console.print(_table(outcomes))
    source = str(data or "generated load")
    for model, outcome in outcomes.items():
        run = write_run(runs, model, source, hyperparameters, outcome)
        console.print(f"{model}: {outcome.folder}, run {run}", soft_wrap=True)
    if data is None and out == SHIPPED:
        write_sample(SAMPLE_FILE)
        console.print(f"sample: {SAMPLE_FILE}")
    console.print(f"Took {(time.monotonic() - began) / 60:.1f} minutes.")


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
        shares = [f"{getattr(report, f'coverage_{level}'):.1%}" for report in reports.values()]
        table.add_row(f"within {level} %", "", "", *shares)
    return table


if __name__ == "__main__":
    app()
