"""Every number of training that somebody may want to turn."""

from dataclasses import dataclass
from typing import Literal

from pipelines.spec import FeatureName

Architecture = Literal["cnn", "gru"]


@dataclass(frozen=True)
class Shares:
    """How the time of the data is dealt out, in this order; test gets what is left."""

    train: float = 0.70
    validation: float = 0.10
    """Picks the linear path and the epoch to keep."""
    calibration: float = 0.10
    """Its errors give the intervals."""


@dataclass(frozen=True)
class Hyperparameters:
    """Shapes, widths and pace of one training run."""

    features: tuple[FeatureName, ...] = (
        "load",
        "day_sin",
        "day_cos",
        "week_sin",
        "week_cos",
        "year_sin",
        "year_cos",
    )
    """Columns of the input; the load comes first."""
    window: int = 672
    horizon: int = 8
    resolution_s: int = 900
    grid_s: int = 0
    """Where steps begin, seconds after midnight UTC."""
    shares: Shares = Shares()
    recurrent_units: int = 64
    head_units: int = 64
    filters: int = 32
    """Of the convolution of `cnn`."""
    kernel: int = 8
    """Steps each of its filters sees."""
    pool: int = 2
    """Steps it hands the LSTM as one."""
    dropout: float = 0.2
    """Before either layer of the head."""
    linear_steps: tuple[int, ...] = (192, 480, 672)
    """Newest steps that the linear path sees; each is tried on the validation windows, with each of"""
    ridge_penalties: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
    """per training window, on normalised load."""
    epochs: int = 10
    share_per_epoch: float = 1 / 3
    """Of the training windows, drawn at random: they overlap too much to be worth a full pass."""
    windows_per_epoch: int = 6_400
    """At most."""
    batch: int = 64
    learning_rate: float = 2e-3
    """At the start; falls to zero over the epochs along a cosine."""
    patience: int = 6
    """Epochs without a better validation error before training stops."""
    seed: int = 20
    levels: tuple[float, ...] = (0.8, 0.95)
    """Probabilities of the intervals, ascending."""
    batch_sizes: tuple[int, ...] = (1, 8, 16, 32)
    """Batches the compiled signature is warmed for, ascending."""

    @property
    def seasons(self) -> tuple[int, ...]:
        """Steps of a day and of a week, where the window has one and it is no shorter than the horizon."""
        lengths = (days * 86_400 // self.resolution_s for days in (1, 7))
        return tuple(steps for steps in lengths if self.horizon <= steps <= self.window)
