"""Forecasts and faults as tables."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from wattgate.client import Forecast, Step
from wattgate.errors import Violation

_CHART_WIDTH = 28


def forecast_table(name: str, forecast: Forecast) -> Table:
    """A row a step: local time, kW, intervals, and all of them drawn along one scale."""
    intervals = forecast.steps[0].intervals
    table = Table(title=f"{name}: {forecast.model}, version {forecast.model_version}")
    table.add_column(f"from ({forecast.time_zone})", no_wrap=True)
    table.add_column("kW", justify="right", no_wrap=True)
    for interval in intervals:
        table.add_column(f"{interval.percent} % within", justify="right", no_wrap=True)
    low, high = _range(forecast.steps)
    table.add_column(f"{low:,.0f} to {high:,.0f} kW", no_wrap=True)
    for step in forecast.steps:
        bounds = (f"{i.lower_kw:,.1f} – {i.upper_kw:,.1f}" for i in step.intervals)  # noqa: RUF001
        time = f"{step.valid_from:%a %d.%m. %H:%M}"
        table.add_row(time, f"{step.kw:,.1f}", *bounds, _drawn(step, low, high))
    table.caption = "\n".join(_remarks(forecast))
    table.caption_justify = "left"
    return table


def _range(steps: Sequence[Step]) -> tuple[float, float]:
    kw = [step.kw for step in steps]
    lower = [i.lower_kw for step in steps for i in step.intervals]
    upper = [i.upper_kw for step in steps for i in step.intervals]
    return min(kw + lower), max(kw + upper)


def _drawn(step: Step, low: float, high: float) -> Text:
    """The widest interval as a thin line, those within it as thick ones, the forecast as a point."""

    def cell(kw: float) -> int:
        return round((kw - low) / (high - low or 1.0) * (_CHART_WIDTH - 1))

    cells = [" "] * _CHART_WIDTH
    for number, interval in enumerate(reversed(step.intervals)):
        for at in range(cell(interval.lower_kw), cell(interval.upper_kw) + 1):
            cells[at] = "━" if number else "─"
    cells[cell(step.kw)] = "●"
    return Text("".join(cells), style="cyan")


def _remarks(forecast: Forecast) -> list[str]:
    remarks = [
        f"Filled: {repair.steps} steps, {repair.since:%F %R} to {repair.until:%F %R}"
        for repair in forecast.repaired
    ]
    remarks += [f"Warning: {_place(warning)}{warning.message}" for warning in forecast.warnings]
    if forecast.fallback_reason:
        remarks.append(f"Not the model's, but the fallback: {forecast.fallback_reason}")
    return remarks


def _place(violation: Violation) -> str:
    return f"line {violation.line}: " if violation.line else ""


def violations_table(violations: Sequence[Violation]) -> Table:
    """Where a file is at fault, and what is wrong there."""
    table = Table("row", "line", "column", "what is wrong")
    for violation in violations:
        where = (violation.row, violation.line, violation.column)
        table.add_row(*("" if part is None else Text(str(part)) for part in where), Text(violation.message))
    return table
