"""`make demo`: the whole way once, both models over both edges, as figures and as a picture."""

import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

from pipelines.preprocessing.meter_file import read_meter_file
from services.local.pair import Demo, PairError, running_pair
from services.local.ports import free_ports
from wattgate import Client, Forecast

MODELS = Path("models")
SAMPLE = Path("samples/supermarket.csv")
SAMPLE_ZONE = ZoneInfo("Europe/Berlin")
OUT = Path("build")
_SHOWN_STEPS = 96
_CONSOLE = Console()

Forecasts = dict[str, dict[str, Forecast]]
"""By edge, then by model."""


def main() -> None:
    """Start a pair on free ports, forecast the sample file, show and keep the answers, stop."""
    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            _CONSOLE.status("Starting") as status,
            running_pair(Path(folder), free_ports(), MODELS, progress=status.update) as pair,
        ):
            status.update("Forecasting")
            forecasts = _forecast(pair.demo(), pair.model_names(), SAMPLE.read_bytes())
    except PairError as error:
        sys.exit(str(error))
    _CONSOLE.print(_table(forecasts))
    OUT.mkdir(exist_ok=True)
    values = {
        edge: {model: [step.kw for step in forecast.steps] for model, forecast in by_model.items()}
        for edge, by_model in forecasts.items()
    }
    plot = OUT / "demo.png"
    _plot(forecasts["https"], plot)
    report = OUT / "demo.json"
    elapsed_s = round(time.monotonic() - started, 2)
    report.write_text(json.dumps({**values, "elapsed_s": elapsed_s}, indent=2) + "\n")
    if values["https"] != values["grpc"]:
        sys.exit("HTTPS and gRPC answered different figures")
    _CONSOLE.print(f"HTTPS and gRPC agree to the last bit. {report}, {plot}; {elapsed_s} s.")


def _forecast(demo: Demo, models: list[str], csv: bytes) -> Forecasts:
    return {edge: _by_edge(demo, grpc, models, csv) for edge, grpc in (("https", None), ("grpc", demo.grpc))}


def _by_edge(demo: Demo, grpc: str | None, models: list[str], csv: bytes) -> dict[str, Forecast]:
    with Client(
        demo.https, grpc=grpc, username=demo.username, password=demo.password, ca_file=demo.ca_file
    ) as client:
        return {model: client.forecast_file(csv, model) for model in models}


def _table(forecasts: Forecasts) -> Table:
    table = Table(title=f"The two hours after {SAMPLE}, kW")
    table.add_column("from")
    columns = [(edge, model) for edge, by_model in forecasts.items() for model in by_model]
    for edge, model in columns:
        table.add_column(f"{model} ({edge})", justify="right")
    for i, first in enumerate(forecasts["https"][columns[0][1]].steps):
        values = (f"{forecasts[edge][model].steps[i].kw:.2f}" for edge, model in columns)
        table.add_row(f"{first.valid_from.astimezone(SAMPLE_ZONE):%a %d.%m. %H:%M}", *values)
    return table


def _plot(forecasts: dict[str, Forecast], file: Path) -> None:
    mpl.use("Agg")
    from matplotlib import dates
    from matplotlib import pyplot as plt

    history = read_meter_file(SAMPLE.read_bytes(), zone=SAMPLE_ZONE)
    times = [datetime.fromtimestamp(int(time_s), UTC) for time_s in history.times_s[-_SHOWN_STEPS:]]
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    axes.plot(times, history.kw[-_SHOWN_STEPS:], color="black", label="history")
    for model, forecast in forecasts.items():
        steps = forecast.steps
        axes.plot(
            [step.valid_from for step in steps], [step.kw for step in steps], marker="o", ms=3, label=model
        )
        axes.axvline(forecast.data_until, color="grey", lw=0.8, ls=":")
    axes.xaxis.set_major_formatter(dates.DateFormatter("%a %H:%M", tz=SAMPLE_ZONE))
    axes.set(ylabel="kW", title=f"{SAMPLE.name}: the last day and the next two hours")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
