"""Where windows of history, with the steps to forecast after them, lie in a series."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.series import LoadSeries

Starts = NDArray[np.int64]
"""Rows at which windows start, ascending, shape (windows,)."""


class Shape(Protocol):
    """How long a model's history and forecast are."""

    @property
    def window(self) -> int:
        """Steps of history."""
        ...

    @property
    def horizon(self) -> int:
        """Steps forecast."""
        ...

    @property
    def resolution_s(self) -> int:
        """Length of a step, seconds."""
        ...

    @property
    def grid_s(self) -> int:
        """Where steps begin, seconds after midnight UTC."""
        ...


def whole_windows(series: LoadSeries, shape: Shape) -> Starts:
    """Where a window and the horizon after it lie on the grid without a gap, shape (windows,)."""
    length = shape.window + shape.horizon
    step_s = shape.resolution_s
    broken = np.concatenate([[0], np.cumsum(np.diff(series.times_s) != step_s)])
    starts = np.arange(max(series.times_s.size - length + 1, 0), dtype=np.int64)
    unbroken = broken[starts] == broken[starts + length - 1]
    on_grid = (series.times_s[starts] - shape.grid_s) % step_s == 0
    whole: Starts = starts[unbroken & on_grid]
    return whole
