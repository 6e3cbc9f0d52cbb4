"""Sliding windows over a load series, and their split along time."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipelines.preprocessing.features import normalise, raw_features
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.windows import Starts
from pipelines.spec import Feature
from pipelines.training.errors import TooLittleDataError
from pipelines.training.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Split:
    """Windows of each part of the data; no part forecasts a step that another one forecasts."""

    train: Starts
    validation: Starts
    calibration: Starts
    test: Starts

    @property
    def held_back(self) -> Starts:
        """All that nothing is fitted to while a model is judged."""
        return np.concatenate([self.validation, self.calibration, self.test])

    @property
    def everything(self) -> Starts:
        """All windows."""
        return np.concatenate([self.train, self.held_back])


def split_by_time(starts: Starts, hyperparameters: Hyperparameters) -> Split:
    """Deal windows out by when their horizon lies: train, validation, calibration, test, in this order.

    A window whose horizon crosses a border belongs to no part. History may reach back over a border, as
    it does when serving. Raises TooLittleDataError where a part stays empty.
    """
    if not starts.size:
        hp = hyperparameters
        raise TooLittleDataError(
            f"too little data: no window of {hp.window} steps of {hp.resolution_s / 60:g} minutes and the "
            f"{hp.horizon} after it is without a gap"
        )
    shares = hyperparameters.shares
    first_target = starts + hyperparameters.window
    last_target = first_target + hyperparameters.horizon - 1
    ends = np.cumsum([shares.train, shares.validation, shares.calibration])
    # Borders count windows, not days: a gap costs windows for a week after it.
    borders = first_target[np.minimum((ends * starts.size).astype(int), starts.size - 1)]
    part_of_first = np.searchsorted(borders, first_target, side="right")
    part_of_last = np.searchsorted(borders, last_target, side="right")
    parts = [starts[(part_of_first == part) & (part_of_last == part)] for part in range(ends.size + 1)]
    if not all(part.size for part in parts):
        raise TooLittleDataError(
            "too little data: a part of the split has no window without a gap; "
            f"windows for training, validation, calibration, test: {[part.size for part in parts]}"
        )
    return Split(*parts)


def fit_features(
    series: LoadSeries, hyperparameters: Hyperparameters, zone: ZoneInfo, *, rows: int
) -> tuple[Feature, ...]:
    """The input's columns with mean and standard deviation over the first `rows` rows."""
    raw = raw_features(series, list(hyperparameters.features), zone)[:rows]
    # A standard deviation of next to nothing would blow up later values of a column that stood still.
    return tuple(
        Feature(name=name, mean=float(column.mean()), std=max(float(column.std()), 1e-3))
        for name, column in zip(hyperparameters.features, raw.T, strict=True)
    )


class Windows:
    """Normalised windows and horizons of one series, cut when asked for."""

    def __init__(
        self,
        series: LoadSeries,
        features: tuple[Feature, ...],
        zone: ZoneInfo,
        hyperparameters: Hyperparameters,
    ) -> None:
        self.features = features
        self.window, self.horizon = hyperparameters.window, hyperparameters.horizon
        names = [feature.name for feature in features]
        column = names.index("load")
        self.load = features[column]
        table = normalise(raw_features(series, names, zone), features)
        load: NDArray[np.float32] = table[:, column]
        self._inputs = sliding_window_view(table, self.window, axis=0).swapaxes(1, 2)
        self._histories = sliding_window_view(load, self.window)
        self._horizons = sliding_window_view(load, hyperparameters.horizon)

    def inputs(self, starts: Starts) -> NDArray[np.float32]:
        """What the model sees, shape (windows, window, feature)."""
        return np.ascontiguousarray(self._inputs[starts])

    def history(self, starts: Starts) -> NDArray[np.float32]:
        """The load of the windows, shape (windows, window)."""
        return self._histories[starts]

    def targets(self, starts: Starts) -> NDArray[np.float32]:
        """The load of the horizons, shape (windows, horizon)."""
        return self._horizons[starts + self.window]
