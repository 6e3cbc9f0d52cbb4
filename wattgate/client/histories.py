"""Load histories as they are sent."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True)
class Series:
    """An evenly spaced load: one value a step of the model's resolution."""

    start: datetime
    """Start of the first step, with an offset."""
    kw: list[float | None]
    """Mean power of each step, kW, oldest first; None where a value is missing."""


History: TypeAlias = Series | bytes
"""A series, or a meter file's content."""


def content(file: Path | str | bytes) -> bytes:
    """A meter file's content, of the file at a path or as it is. Raises OSError."""
    return file if isinstance(file, bytes) else Path(file).read_bytes()
