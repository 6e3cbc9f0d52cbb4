"""Runs in a mask."""

import numpy as np
from numpy.typing import NDArray


def runs(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where runs of True begin, and where each has ended: shape (runs, 2).

    >>> runs(np.array([True, False, True, True])).tolist()
    [[0, 1], [2, 4]]
    """
    bordered = np.zeros(mask.size + 2, np.bool_)
    bordered[1:-1] = mask
    return np.flatnonzero(bordered[1:] != bordered[:-1]).reshape(-1, 2)
