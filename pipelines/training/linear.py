"""Ridge regression from the window's load to the horizon's: where the linear path starts from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.windows import Starts
from pipelines.spec import Feature, LinearForecast
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.windows import Windows

_CHUNK = 4_096
"""Windows summed up at once: a few MB of history in double precision."""


@dataclass(frozen=True)
class LinearPath:
    """Weights of `last + (history - last) @ kernel + bias`, all on normalised load."""

    kernel: NDArray[np.float64]
    """Shape (steps, horizon); `steps` are the newest of the window."""
    bias: NDArray[np.float64]
    """Shape (horizon,)."""
    penalty: float

    def forecast(self, history: NDArray[np.float32]) -> NDArray[np.float64]:
        """From shape (batch, window) to shape (batch, horizon)."""
        last = history[:, -1:].astype(np.float64)
        return last + (history[:, -len(self.kernel) :] - last) @ self.kernel + self.bias

    def in_kw(self, load: Feature) -> LinearForecast:
        """The same for loads in kW, to eight digits."""
        kernel = [[float(f"{weight:.8g}") for weight in row] for row in self.kernel.tolist()]
        return LinearForecast(
            kernel=tuple(map(tuple, kernel)), bias_kw=tuple((self.bias * load.std).tolist())
        )


@dataclass(frozen=True)
class LinearPaths:
    """All that the hyperparameters name, fitted on the same windows."""

    windows: Windows
    paths: tuple[LinearPath, ...]

    @classmethod
    def fitted(cls, windows: Windows, fitted_on: Starts, hyperparameters: Hyperparameters) -> Self:
        """Of as many steps as the window has at most."""
        lengths = sorted({min(steps, windows.window) for steps in hyperparameters.linear_steps})
        sums = _Sums.of(windows, fitted_on, lengths[-1])
        penalties = hyperparameters.ridge_penalties
        return cls(windows, tuple(sums.solved(steps, each) for steps in lengths for each in penalties))

    def best(self, judged_on: Starts) -> LinearPath:
        """The one with the least mean absolute error on these windows."""
        unseen, outcome = self.windows.history(judged_on), self.windows.targets(judged_on)
        return min(self.paths, key=lambda path: float(np.abs(path.forecast(unseen) - outcome).mean()))


def linear_path_like(path: LinearPath, windows: Windows, fitted_on: Starts) -> LinearPath:
    """The same, fitted on other windows."""
    return _Sums.of(windows, fitted_on, len(path.kernel)).solved(len(path.kernel), path.penalty)


@dataclass(frozen=True)
class _Sums:
    """What ridge regression needs of the windows: X'X and X'y.

    Regresses the change since the last value on the changes before it, so that a forecast moves with
    the level of the load. Hoerl and Kennard (1970); w = (X'X + n penalty I)^-1 X'y.
    """

    gram: NDArray[np.float64]
    """Shape (steps + 1, steps + 1); the bias comes last."""
    moment: NDArray[np.float64]
    """Shape (steps + 1, horizon)."""
    count: int

    @classmethod
    def of(cls, windows: Windows, fitted_on: Starts, steps: int) -> Self:
        gram = np.zeros((steps + 1, steps + 1))
        moment = np.zeros((steps + 1, windows.horizon))
        for begin in range(0, fitted_on.size, _CHUNK):
            starts = fitted_on[begin : begin + _CHUNK]
            history = windows.history(starts)[:, -steps:].astype(np.float64)
            last = history[:, -1:]
            changes = np.concatenate([history - last, np.ones_like(last)], axis=1)
            gram += changes.T @ changes
            moment += changes.T @ (windows.targets(starts) - last)
        return cls(gram, moment, fitted_on.size)

    def solved(self, steps: int, penalty: float) -> LinearPath:
        """By the newest `steps` alone."""
        penalised = np.diag([1.0] * steps + [0.0])  # the bias is free
        system = self.gram[-steps - 1 :, -steps - 1 :] + self.count * penalty * penalised
        weights: NDArray[np.float64] = np.linalg.solve(system, self.moment[-steps - 1 :]).astype(np.float64)
        return LinearPath(weights[:-1], weights[-1], penalty)
