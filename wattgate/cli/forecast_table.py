"""Forecasts and faults as tables."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from wattgate.client import Forecast, Step
from wattgate.errors import Violation

_WIDEST_CHART, _NARROWEST_CHART, _BETWEEN = 28, 10, 3
_BLOCKS, _ASCII = ("─", "━", "●", "–"), ("-", "=", "o", "-")  # noqa: RUF001
"""Widest interval, those within it, the forecast; and the dash between bounds."""


def forecast_table(forecast: Forecast, width: int, *, ascii_only: bool) -> Table:
    """A row a step: local time, kW, intervals, and all of them drawn along one scale."""
    marks = _ASCII if ascii_only else _BLOCKS
    low, high = _range(forecast.steps)
    levels = (f"{interval.percent} % within" for interval in forecast.steps[0].intervals)
    header = [f"{forecast.time_zone}", "kW", *levels, f"{low:,.0f} to {high:,.0f} kW"]
    rows = [
        [
            f"{step.valid_from:%a %d.%m. %H:%M}",
            f"{step.kw:,.1f}",
            *(f"{i.lower_kw:,.1f}{marks[3]}{i.upper_kw:,.1f}" for i in step.intervals),
        ]
        for step in forecast.steps
    ]
    table = Table(box=SIMPLE_HEAD)
    for heading, *column in zip(header, *rows, strict=False):
        table.add_column(heading, justify="left" if heading == header[0] else "right", no_wrap=True)
        width -= max(len(text) for text in (heading, *column)) + _BETWEEN
    table.add_column(header[-1], no_wrap=True)
    cells = max(_NARROWEST_CHART, min(_WIDEST_CHART, width - 4))
    for row, step in zip(rows, forecast.steps, strict=True):
        table.add_row(*row, _drawn(step, low, high, cells, marks))
    table.caption = "\n".join(_remarks(forecast))
    table.caption_justify = "left"
    return table


def _range(steps: Sequence[Step]) -> tuple[float, float]:
    kw = [step.kw for step in steps]
    lower = [i.lower_kw for step in steps for i in step.intervals]
    upper = [i.upper_kw for step in steps for i in step.intervals]
    return min(kw + lower), max(kw + upper)


def _drawn(step: Step, low: float, high: float, width: int, marks: Sequence[str]) -> Text:
    """The widest interval as a thin line, those within it as thick ones, the forecast as a point."""
    thin, thick, point, _ = marks

    def cell(kw: float) -> int:
        return round((kw - low) / (high - low or 1.0) * (width - 1))

    cells = [" "] * width
    for number, interval in enumerate(reversed(step.intervals)):
        for at in range(cell(interval.lower_kw), cell(interval.upper_kw) + 1):
            cells[at] = thick if number else thin
    cells[cell(step.kw)] = point
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
