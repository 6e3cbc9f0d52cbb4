"""`python -m pipelines.training`: train, evaluate and export both models."""

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
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.wall_clock import zone_named
from pipelines.training.errors import ExportCheckError, TooLittleDataError
from pipelines.training.evaluation import Score
from pipelines.training.hyperparameters import Architecture, Hyperparameters
from pipelines.training.sample import SAMPLE_FILE, write_sample
from pipelines.training.supermarket import supermarket_load

if TYPE_CHECKING:
    from pipelines.training.fitting import Progress as Fitted
    from pipelines.training.training import Outcome

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
) -> None:
    """Train, evaluate and export both models as new versions."""
    try:
        _run(data, _zone(time_zone), out)
    except (InvalidSeriesError, TooLittleDataError, ExportCheckError) as error:
        typer.echo(f"No model was written for {data or 'the generated load'}: {error}", err=True)
        raise typer.Exit(1) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--time-zone") from error


def _run(data: Path | None, zone: ZoneInfo, out: Path) -> None:
    series = read_meter_file(data.read_bytes(), zone=zone) if data else supermarket_load()
    console.print(f"{data or 'Generated supermarket load'}: {series.kw.size:,} rows")

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when tensorflow is imported, below
    import tensorflow as tf

    from pipelines.training.training import linear_score, naive_scores, prepare, train

    tf.get_logger().setLevel("ERROR")  # it calls the session loader deprecated; servers use it
    hyperparameters = Hyperparameters()
    dataset = prepare(series, zone, hyperparameters)
    began = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    with _bars() as bars:
        for name in get_args(Architecture):
            bar = _Bar(bars, name, hyperparameters.epochs)
            outcomes[name] = train(name, dataset, hyperparameters, out, bar.tell)
            bar.finish()

    others = {**naive_scores(dataset, hyperparameters), "linear path alone": linear_score(dataset)}
    console.print(_table(others, outcomes))
    for name, outcome in outcomes.items():
        covered = ", ".join(f"{share:.1%} within {level:.0%}" for level, share in outcome.coverage.items())
        console.print(f"{name}: {outcome.folder} (intervals: {covered})")
    if data is None and out == SHIPPED:
        write_sample(series, SAMPLE_FILE)
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
        self._task: TaskID = bars.add_task(name, total=epochs, state="compiling")

    def tell(self, fitted: "Fitted") -> None:
        """Show how far fitting has come."""
        self._bars.update(
            self._task,
            completed=fitted.epoch - 1 + fitted.step / fitted.steps,
            state=f"epoch {fitted.epoch}/{self._epochs}  error: training {fitted.train_mae:.4f}, "
            f"validation {fitted.best_validation_mae:.4f}",
        )

    def finish(self) -> None:
        """Fill the bar: early stopping leaves it short."""
        self._bars.update(self._task, completed=self._epochs)


def _table(others: dict[str, Score], outcomes: dict[str, "Outcome"]) -> Table:
    """Errors on the test windows; per model, how much smaller than each other forecast's."""
    table = Table(title="Mean absolute error on the test windows")
    for header in ("forecast", "MAE kW", "RMSE kW", *(f"{name} better by" for name in outcomes)):
        table.add_column(header, justify="left" if header == "forecast" else "right")
    for name, score in others.items():
        gains = [f"{1 - outcome.score.mae_kw / score.mae_kw:.1%}" for outcome in outcomes.values()]
        table.add_row(name, f"{score.mae_kw:,.2f}", f"{score.rmse_kw:,.2f}", *gains)
    table.add_section()
    for name, outcome in outcomes.items():
        table.add_row(name, f"{outcome.score.mae_kw:,.2f}", f"{outcome.score.rmse_kw:,.2f}")
    return table


if __name__ == "__main__":
    app()
