"""Gradient descent on one model, with early stopping."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.windows import Starts
from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.windows import Windows

_PREDICT_BATCH = 128
_MOST_WATCHED = 2_000
"""Validation windows forecast after each epoch: neighbours say much the same."""


@dataclass(frozen=True)
class Progress:
    """How far training has come; errors are mean absolute ones on normalised load."""

    epoch: int
    """Epochs begun, from 1; 0 before the first."""
    step: int
    steps: int
    train_mae: float
    best_validation_mae: float | None
    """None where nothing is held back."""


@dataclass(frozen=True)
class Epoch:
    """One pass; errors as in `Progress`."""

    epoch: int
    """From 1; 0 is the untrained model."""
    train_mae: float | None
    validation_mae: float | None
    """None where nothing was held back."""


def predict(model: Any, windows: Windows, starts: Starts) -> NDArray[np.float32]:
    """The model's forecasts of these windows, normalised, shape (windows, horizon)."""
    return np.concatenate([model.predict_on_batch(windows.inputs(part)) for part in _batches(starts)])


def fit(
    model: Any,
    windows: Windows,
    fitted_on: Starts,
    validation: Starts | None,
    *,
    hyperparameters: Hyperparameters,
    tell: Callable[[Progress], None],
) -> list[Epoch]:
    """Train in place on mean absolute error.

    With validation windows it stops early and ends with the weights that were best there; the untrained
    model counts as epoch 0, so what comes out is never worse there than what went in. Without, all epochs
    are run.
    """
    hp = hyperparameters
    rng = np.random.default_rng(hp.seed)
    # Whole batches only: each other size would be compiled anew.
    batch_size = min(hp.batch, fitted_on.size)
    batches = max(min(hp.windows_per_epoch, int(hp.share_per_epoch * fitted_on.size)) // batch_size, 1)
    pace = keras.optimizers.schedules.CosineDecay(hp.learning_rate, decay_steps=hp.epochs * batches)
    model.compile(keras.optimizers.Adam(pace, clipnorm=1.0), loss="mae", jit_compile=True)

    watched = None if validation is None else validation[:: -(-validation.size // _MOST_WATCHED)]

    def validation_mae() -> float | None:
        return None if watched is None else _mae(model, windows, watched)

    history = [Epoch(0, None, validation_mae())]
    best, best_mae, best_epoch = model.get_weights(), history[0].validation_mae, 0
    for epoch in range(1, hp.epochs + 1):
        drawn = rng.choice(fitted_on, batches * batch_size, replace=False)
        losses: list[float] = []
        for batch in np.array_split(drawn, batches):
            losses.append(float(model.train_on_batch(windows.inputs(batch), windows.targets(batch))))
            tell(Progress(epoch, len(losses), batches, float(np.mean(losses)), best_mae))
        mae = validation_mae()
        history.append(Epoch(epoch, float(np.mean(losses)), mae))
        if mae is None or best_mae is None or mae < best_mae:
            best, best_mae, best_epoch = model.get_weights(), mae, epoch
        elif epoch - best_epoch >= hp.patience:
            break
    model.set_weights(best)
    return history


def _mae(model: Any, windows: Windows, starts: Starts) -> float:
    return float(np.abs(predict(model, windows, starts) - windows.targets(starts)).mean())


def _batches(starts: Starts) -> Iterator[Starts]:
    for begin in range(0, starts.size, _PREDICT_BATCH):
        yield starts[begin : begin + _PREDICT_BATCH]
