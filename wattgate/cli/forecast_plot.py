"""Forecasts as a picture. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure

from wattgate.client import Forecast


def plot_forecasts(forecasts: Sequence[tuple[str, Forecast]], file: Path) -> None:
    """A panel each, by name: the forecast over its intervals, in the forecast's own time. A PNG."""
    figure = Figure(figsize=(9, 3.2 * len(forecasts)), layout="constrained")
    panels = figure.subplots(len(forecasts), squeeze=False).flat
    for axes, (name, forecast) in zip(panels, forecasts, strict=True):
        times = [step.valid_from for step in forecast.steps]
        levels = [interval.percent for interval in forecast.steps[0].intervals]
        for number, level in reversed(list(enumerate(levels))):
            bounds = [step.intervals[number] for step in forecast.steps]
            axes.fill_between(
                times,
                [bound.lower_kw for bound in bounds],
                [bound.upper_kw for bound in bounds],
                alpha=0.25,
                color="tab:blue",
                linewidth=0,
                label=f"{level} % within",
            )
        axes.plot(times, [step.kw for step in forecast.steps], "o-", color="tab:blue", label="forecast")
        axes.xaxis.set_major_formatter(DateFormatter("%a %H:%M", tz=ZoneInfo(forecast.time_zone)))
        axes.set(ylabel="kW", title=f"{name}: {forecast.model}, version {forecast.model_version}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, format="png")
