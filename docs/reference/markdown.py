"""Tables, and words that have to be there."""

import re
from collections.abc import Iterable, Sequence


class UndescribedError(Exception):
    """Something that callers see is not described where it is defined; the message says what."""


def described(name: str, text: str | None) -> str:
    """The description of something, in one line. Raises UndescribedError where there is none."""
    words = line(text or "")
    if not words:
        raise UndescribedError(f"{name} has no description")
    return words


def line(text: str) -> str:
    """Several lines as one.

    >>> line("Mean power\\n    of a step, <kW>.")
    'Mean power of a step, &lt;kW&gt;.'
    """
    return re.sub(r"\s+", " ", text.replace("<", "&lt;").replace(">", "&gt;")).strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty where there are no rows.

    >>> table(["name"], [["a|b"]])
    '| name |\\n| --- |\\n| a\\\\|b |'
    """
    listed = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in listed) if len(listed) > 2 else ""


def sections(*parts: str) -> str:
    """Parts with a line between, those that are empty left out."""
    return "\n\n".join(part.strip() for part in parts if part.strip())
