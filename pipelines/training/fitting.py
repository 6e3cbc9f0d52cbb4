"""Gradient descent on one model, with early stopping."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.training.hyperparameters import Hyperparameters
from pipelines.training.windows import Split, Starts, Windows

_PREDICT_BATCH = 128


@dataclass(frozen=True)
class Progress:
    """How far training has come; errors are mean absolute ones on normalised load."""

    epoch: int
    """Epochs begun, from 1; 0 before the first."""
    step: int
    steps: int
    train_mae: float
    best_validation_mae: float


def predict(model: Any, windows: Windows, starts: Starts) -> NDArray[np.float32]:
    """The model's forecasts of these windows, normalised, shape (windows, horizon)."""
    return np.concatenate([model.predict_on_batch(windows.inputs(part)) for part in _batches(starts)])


def fit(
    model: Any,
    windows: Windows,
    split: Split,
    hyperparameters: Hyperparameters,
    tell: Callable[[Progress], None],
) -> None:
    """Train in place on mean absolute error; ends with the weights of the best validation error.

    The untrained model counts as epoch 0, so what comes out is never worse there than what went in.
    """
    hp = hyperparameters
    rng = np.random.default_rng(hp.seed)
    # Whole batches only: each other size would be compiled anew.
    batch_size = min(hp.batch, split.train.size)
    batches = min(hp.windows_per_epoch, split.train.size) // batch_size
    pace = keras.optimizers.schedules.CosineDecay(hp.learning_rate, decay_steps=hp.epochs * batches)
    model.compile(keras.optimizers.Adam(pace, clipnorm=1.0), loss="mae", jit_compile=True)

    best, best_mae, best_epoch = model.get_weights(), _mae(model, windows, split.validation), 0
    for epoch in range(1, hp.epochs + 1):
        drawn = rng.choice(split.train, batches * batch_size, replace=False)
        losses: list[float] = []
        for batch in np.array_split(drawn, batches):
            losses.append(float(model.train_on_batch(windows.inputs(batch), windows.targets(batch))))
            tell(Progress(epoch, len(losses), batches, float(np.mean(losses)), best_mae))
        mae = _mae(model, windows, split.validation)
        if mae < best_mae:
            best, best_mae, best_epoch = model.get_weights(), mae, epoch
        elif epoch - best_epoch >= hp.patience:
            break
    model.set_weights(best)


def _mae(model: Any, windows: Windows, starts: Starts) -> float:
    return float(np.abs(predict(model, windows, starts) - windows.targets(starts)).mean())


def _batches(starts: Starts) -> Iterator[Starts]:
    for begin in range(0, starts.size, _PREDICT_BATCH):
        yield starts[begin : begin + _PREDICT_BATCH]
