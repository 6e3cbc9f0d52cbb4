"""What can be wrong with a load history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MAX_LISTED = 20
"""Violations listed in an error; more are only counted."""

Rule = Literal[
    "empty",
    "not_csv",
    "header",
    "columns",
    "length",
    "time",
    "clock_change",
    "duplicate",
    "order",
    "value",
    "step",
    "grid",
    "gap",
    "flat",
    "range",
    "field",
]
"""Stable names of the rules, for programs."""

RULES: dict[Rule, str] = {
    "empty": "The file has nothing in it.",
    "not_csv": "The file is a spreadsheet, an archive or something else, or its text is no CSV.",
    "header": "No row names one column of times and one of loads, in the unit that was said.",
    "columns": "A row has more or fewer cells than the header.",
    "length": "Too few values for one window of the model, or more than are taken.",
    "time": "A cell is no time, or is written in another way than those of other rows.",
    "clock_change": "A time that no clock of the file's zone showed, as it went forward over it.",
    "duplicate": "A row has the time of the row before.",
    "order": "A row is older than the row before: rows must be oldest first.",
    "value": "A cell is no power (or energy) that a meter may show.",
    "step": "Most rows are another step apart than the model takes.",
    "grid": "A time is not on a step: :00, :15, :30 or :45 for quarter-hours.",
    "gap": "Steps are missing, and the call does not say that they may be filled.",
    "flat": "Identical values for over six hours, longer than ever in the training data. A warning, or why a "
    "fallback answered.",
    "range": "Values outside of the loads of the training data. A warning, or why a fallback answered.",
    "field": "An option or a member of the body is not one that the call takes.",
}
"""What each says is wrong."""


@dataclass(frozen=True)
class Violation:
    """One rule broken at one place of a meter file or series."""

    rule: Rule
    message: str
    """What is wrong there, for the person who sent the data."""
    row: int | None = None
    """Data row, counted from 1 after the header; None where the whole file is meant."""
    line: int | None = None
    """Line of the file, as an editor counts it; None where there is no file."""
    column: str | None = None
    """Header of the column, where one is to blame."""

    @property
    def place(self) -> str:
        """Where, in words; empty where the whole is meant.

        >>> Violation("value", "not a number", row=7, line=8, column="kW").place
        'row 7 (line 8), column kW'
        """
        place = f"row {self.row}" if self.row else ""
        if self.row and self.line:
            place += f" (line {self.line})"
        if self.column:
            place += f", column {self.column}" if place else f"column {self.column}"
        return place

    def __str__(self) -> str:
        """Say place and fault in one phrase."""
        return f"{self.place}: {self.message}" if self.place else self.message


class InvalidSeriesError(ValueError):
    """A meter file or series that no forecast can be computed from."""

    def __init__(self, violations: Sequence[Violation], count: int | None = None) -> None:
        """Keep the first violations, at least one, and the number of all there are, if that is another."""
        self.violations = tuple(violations[:MAX_LISTED])
        self.count = len(violations) if count is None else count
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        super().__init__(f"{self.violations[0]}{more}")


def invalid(rule: Rule, message: str, *, line: int | None = None) -> InvalidSeriesError:
    """An error about the file or series as a whole, whatever line shows it."""
    return InvalidSeriesError([Violation(rule, message, line=line)])
