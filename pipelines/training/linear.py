"""Ridge regression from the window's load to the horizon's: where the linear path starts from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.windows import Split, Windows

_CHUNK = 4_096
"""Windows summed up at once: 22 MB of history in double precision."""


@dataclass(frozen=True)
class LinearPath:
    """Weights of `last + (history - last) @ kernel + bias`, all on normalised load."""

    kernel: NDArray[np.float64]
    """Shape (window, horizon)."""
    bias: NDArray[np.float64]
    """Shape (horizon,)."""
    penalty: float

    def forecast(self, history: NDArray[np.float32]) -> NDArray[np.float64]:
        """From shape (batch, window) to shape (batch, horizon)."""
        last = history[:, -1:].astype(np.float64)
        return last + (history - last) @ self.kernel + self.bias


def fit_linear_path(windows: Windows, split: Split, hyperparameters: Hyperparameters) -> LinearPath:
    """Ridge regression on the training windows, its penalty the best of the list on the validation ones.

    Regresses the change since the last value on the changes before it, so that a forecast moves with
    the level of the load. Hoerl and Kennard (1970); w = (X'X + n penalty I)^-1 X'y.
    """
    size = hyperparameters.window
    gram = np.zeros((size + 1, size + 1))
    moment = np.zeros((size + 1, hyperparameters.horizon))
    for begin in range(0, split.train.size, _CHUNK):
        starts = split.train[begin : begin + _CHUNK]
        history = windows.history(starts).astype(np.float64)
        last = history[:, -1:]
        changes = np.concatenate([history - last, np.ones_like(last)], axis=1)
        gram += changes.T @ changes
        moment += changes.T @ (windows.targets(starts) - last)
    penalised = np.diag([1.0] * size + [0.0])  # the bias is free
    unseen, outcome = windows.history(split.validation), windows.targets(split.validation)

    def solved(penalty: float) -> LinearPath:
        system = gram + split.train.size * penalty * penalised
        weights: NDArray[np.float64] = np.linalg.solve(system, moment).astype(np.float64)
        return LinearPath(weights[:-1], weights[-1], penalty)

    def validation_mae(path: LinearPath) -> float:
        return float(np.abs(path.forecast(unseen) - outcome).mean())

    return min((solved(penalty) for penalty in hyperparameters.ridge_penalties), key=validation_mae)
