"""The folder of a training run: what went in, how it went, what came out."""

import csv
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pipelines.evaluation.plots import plot_report
from pipelines.training.fitting import Epoch
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.training import Outcome


def write_run(runs: Path, name: str, source: str, hyperparameters: Hyperparameters, outcome: Outcome) -> Path:
    """Write `configuration.json`, `history.csv`, `metrics.json` and plots into a folder of their own."""
    folder = runs / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"
    folder.mkdir(parents=True)
    configuration = {
        "model": name,
        "version": str(outcome.folder),
        "data": source,
        "time_zone": outcome.spec.time_zone,
        **outcome.spec.model_dump(mode="json", include={"training"}),
        "hyperparameters": asdict(hyperparameters),
    }
    (folder / "configuration.json").write_text(json.dumps(configuration, indent=2) + "\n")
    (folder / "metrics.json").write_text(outcome.report.model_dump_json(indent=2) + "\n")
    with (folder / "history.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["epoch", "train_mae", "validation_mae"])
        rows.writerows([epoch.epoch, epoch.train_mae, epoch.validation_mae] for epoch in outcome.history)
    _plot_history(outcome.history, name, folder / "history.png")
    plot_report(outcome.report, f"{name}, test weeks", folder / "backtest.png")
    return folder


def _plot_history(history: list[Epoch], name: str, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label in ("train_mae", "validation_mae"):
        points = {epoch.epoch: mae for epoch in history if (mae := getattr(epoch, label)) is not None}
        axes.plot(list(points), list(points.values()), label=label.removesuffix("_mae"))
    axes.set(title=name, xlabel="epoch", ylabel="mean absolute error, normalised")
    axes.legend()
    figure.savefig(file, dpi=110)
