"""What can be wrong with a load history."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_LISTED = 20
"""Violations listed in an error; more are only counted."""


@dataclass(frozen=True)
class Violation:
    """One rule broken at one place of a meter file or series."""

    rule: str
    """Stable name of the rule, e.g. "gap"."""
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


def invalid(rule: str, message: str, *, line: int | None = None) -> InvalidSeriesError:
    """An error about the file or series as a whole, whatever line shows it."""
    return InvalidSeriesError([Violation(rule, message, line=line)])
