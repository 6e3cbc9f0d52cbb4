"""`wattgate publish`, `promote` and `rollback`: which version serves, and how a new one comes to.

They work on the model repository and on the config file that model servers read again by themselves
(--model_config_file_poll_wait_seconds). They need what training needs: TensorFlow is loaded when they run.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from pipelines.preprocessing.meter_file import Declared
from wattgate.cli.local_models import refusals, zone_of

if TYPE_CHECKING:
    from pipelines.evaluation.backtest import Report
    from pipelines.publishing.publishing import Repository

_console = Console(highlight=False)

Model = Annotated[str, typer.Argument(help="Name of the model, e.g. gru.")]
Models = Annotated[
    Path, typer.Option("--repository", help="The served repository: <model>/<version>/.", file_okay=False)
]
Config = Annotated[Path, typer.Option("--config", help="The model config file that the model servers read.")]
ServedAs = Annotated[
    Path | None,
    typer.Option(help="The repository's path as the model servers see it, where that is another: /models."),
]

REPOSITORY, CONFIG = Path("models"), Path("var/models.config")
"""Those of `wattgate serve`."""


def publish(
    version: Annotated[
        Path,
        typer.Argument(help="Folder of the new version, e.g. build/new/gru/1.", exists=True, file_okay=False),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Meter file to judge it by: weeks that neither it nor the serving version was trained on.",
            exists=True,
            dir_okay=False,
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="Name to publish it by; by default that of the folder above it.")
    ] = None,
    repository: Models = REPOSITORY,
    config: Config = CONFIG,
    served_as: ServedAs = None,
    tz: Annotated[str | None, typer.Option(help="Zone of times without an offset in the meter file.")] = None,
    column: Annotated[str | None, typer.Option(help="Header of its column of loads.")] = None,
    unit: Annotated[Literal["kW", "kWh"], typer.Option(help="What its values are.")] = "kW",
    labels: Annotated[
        Literal["start", "end"], typer.Option(help="What of its step a row's time is.")
    ] = "start",
    margin: Annotated[
        float, typer.Option(min=0, help="Share by which its error may be above the serving version's.")
    ] = 0.02,
    settle: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds within which model servers read the config file; waited once a model.",
        ),
    ] = 10.0,
) -> None:
    """Judge a version and, if it is good, serve it to a share of the callers as `canary`.

    Refused, with exit code 1 and why: a version that is not whole (signatures, spec, warm-up, compiled and
    plain forecasts that differ), one that a naive forecast beats, one that is worse than the version that
    serves. Nothing changes then.
    """
    with refusals():
        from pipelines.publishing.judging import backtest
        from pipelines.publishing.publishing import publish as publish_version

        name = model or version.resolve().parent.name
        content, named, declared = data.read_bytes(), zone_of(tz), Declared(column, unit, labels)
        with Progress(console=_console, transient=True) as bars:

            def judge(folder: Path, zone: ZoneInfo) -> "Report":
                task = bars.add_task(f"Forecasting with {folder}", total=None)

                def tell(done: int, windows: int) -> None:
                    bars.update(task, completed=done, total=windows)

                return backtest(folder, content, zone=named or zone, declared=declared, tell=tell)

            def wait() -> None:
                bars.add_task("Waiting until model servers know which version serves", total=None)
                time.sleep(settle)

            published = publish_version(
                version,
                name,
                _repository(repository, config, served_as),
                judge,
                margin=margin,
                settle=wait,
            )
        _console.print(_compared(published.report, published.serving))
        _console.print(f"{name}: version {published.version} is {published.label}.")
        if published.serving is not None:
            _console.print(f"Next: wattgate promote {name}, or wattgate rollback {name}")


def promote(
    model: Model, repository: Models = REPOSITORY, config: Config = CONFIG, served_as: ServedAs = None
) -> None:
    """Let the canary serve everybody; the version before stays loaded, to go back to."""
    with refusals():
        from pipelines.publishing.publishing import promote as promote_canary

        version = promote_canary(model, _repository(repository, config, served_as))
        _console.print(f"{model}: version {version} is stable. To go back: wattgate rollback {model}")


def rollback(
    model: Model, repository: Models = REPOSITORY, config: Config = CONFIG, served_as: ServedAs = None
) -> None:
    """Withdraw the canary or, where there is none, go back to the version before."""
    with refusals():
        from pipelines.publishing.publishing import roll_back

        gone, stable = roll_back(model, _repository(repository, config, served_as))
        _console.print(f"{model}: version {gone} is withdrawn, version {stable} serves.")


def versions_table(repository: Path, config: Path) -> Table:
    """The versions there are: which serve, what they were trained on, how they scored."""
    with refusals():
        from pipelines.publishing.listing import list_versions

        table = Table("model", "version", "label", "trained on data until", "MAE kW", "better than naive by")
        for found in list_versions(_repository(repository, config, None)):
            record = found.spec.training
            table.add_row(
                found.model,
                str(found.version),
                ", ".join(found.labels),
                f"{record.data_until:%F}",
                f"{record.mae_kw:,.2f}",
                "" if found.skill is None else f"{found.skill:.0%}",
            )
    return table


def _repository(folder: Path, config: Path, served_as: Path | None) -> "Repository":
    from pipelines.publishing.config_file import ModelConfigFile
    from pipelines.publishing.publishing import Repository

    return Repository(folder, ModelConfigFile(config), served_as)


def _compared(report: "Report", serving: "Report | None") -> Table:
    table = Table("forecast", "MAE kW", "RMSE kW", title=f"{report.windows:,} forecasts of the file")
    rows = {**report.naive, "serving version": serving, "this version": report}
    for name, scored in rows.items():
        if scored is not None:
            table.add_row(name.replace("_", " "), f"{scored.mae_kw:,.2f}", f"{scored.rmse_kw:,.2f}")
    return table
