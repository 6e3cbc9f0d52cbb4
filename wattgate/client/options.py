"""What may be said of a load history."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict


class LoadOptions(TypedDict, total=False):
    """Options of every history; None is as good as none."""

    time_zone: str | None
    """IANA zone of times without an offset; None: a file's are the model's own, a frame has to have one."""
    column: str | None
    """Name of the column of loads; None: a file's usual ones, a frame's only one."""
    gaps: Literal["reject", "linear"] | None
    """Whether a history with missing steps is refused, or they are filled along straight lines."""
    max_gap_steps: int | None
    """Longest gap that is filled, 1 to 96 steps; with gaps="linear" alone. None: an hour's, one at least."""
    fallback: Literal["none", "seasonal_naive"] | None
    """What is answered where the meter is at fault: the load of last week, or else yesterday, if allowed."""


class FileOptions(LoadOptions, total=False):
    """Options of meter files, which say less of themselves."""

    unit: Literal["kW", "kWh"] | None
    """What the values are: mean powers, or the energies of steps."""
    labels: Literal["start", "end"] | None
    """What of its step a row's time is."""
    doubled_hour: Literal["order", "first", "second"] | None
    """Which of the two it is where the clock goes back and the file has the doubled hour once."""


def given(options: Mapping[str, object], known: type[LoadOptions]) -> dict[str, Any]:
    """Those that are not None. Raises TypeError for one that there is not, as of a keyword argument."""
    if unknown := options.keys() - known.__annotations__.keys():
        there_are = ", ".join(known.__annotations__)
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}; there are {there_are}")
    return {name: value for name, value in options.items() if value is not None}
