"""The model's inputs: the load and the cycles of the calendar, normalised."""

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.calendar import COLUMNS, PHASES
from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.wall_clock import to_local
from pipelines.spec import LOAD, Feature, FeatureName, ForecastSpec, Scaling

_FAR = 2
"""Windows that are apart by more of their length than that share no calendar."""


def raw_features(series: LoadSeries, names: list[FeatureName], zone: ZoneInfo) -> NDArray[np.float64]:
    """The named features before normalisation, shape (time, feature).

    The load is in kW; the others are COLUMNS of the zone's wall clock.
    """
    local_s = to_local(series.times_s, zone)
    cycles = {COLUMNS[name].cycle for name in names if name != LOAD}
    phases = {cycle: PHASES[cycle](local_s) for cycle in cycles}
    return np.stack(
        [series.kw if name == LOAD else COLUMNS[name].of(phases[COLUMNS[name].cycle]) for name in names],
        axis=-1,
    )


def normalise(raw: NDArray[np.float64], features: tuple[Feature, ...]) -> NDArray[np.float32]:
    """(value - mean) / std per feature, shape (..., feature), as the model takes it."""
    return _scaled(raw, tuple([(feature.name, feature.mean, feature.std) for feature in features]))


def _scaled(raw: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float32]:
    mean = np.array([mean for _, mean, _ in scaling])
    std = np.array([std for _, _, std in scaling])
    scaled: NDArray[np.float64] = (raw - mean) / std
    return scaled.astype(np.float32)


def known_input(spec: ForecastSpec) -> NDArray[np.float32]:
    """The tensor of the spec's known request: shape (1, window, feature), normalised."""
    return model_input(spec.known_history, spec)


def model_input(window: LoadSeries, spec: ForecastSpec) -> NDArray[np.float32]:
    """The tensor of one window, evenly spaced: shape (1, window, feature), normalised."""
    return _filled(_calendar(_times([window], spec), spec.scaling, spec.time_zone), window, spec)


def batch_input(windows: Sequence[LoadSeries], spec: ForecastSpec) -> NDArray[np.float32]:
    """The tensor of some windows: shape (n, window, feature), normalised.

    Its first rows are theirs; the last is repeated up to a size that the model is compiled for.
    """
    times = _times(windows, spec)
    start_s, steps, step_s = times
    if steps <= _FAR * spec.window:
        calendar = _calendar(times, spec.scaling, spec.time_zone)
        firsts = [(int(window.times_s[0]) - start_s) // step_s for window in windows]
        inputs = [
            _filled(calendar[first : first + spec.window], window, spec)
            for first, window in zip(firsts, windows, strict=True)
        ]
    else:
        inputs = [model_input(window, spec) for window in windows]
    size = next((size for size in spec.batch_sizes if size >= len(inputs)), len(inputs))
    return np.concatenate([*inputs, *[inputs[-1]] * (size - len(inputs))]) if size > 1 else inputs[0]


def _times(windows: Sequence[LoadSeries], spec: ForecastSpec) -> tuple[int, int, int]:
    """Start of the first step of all windows, steps up to the last, and their length."""
    start_s = min(int(window.times_s[0]) for window in windows)
    last_s = max(int(window.times_s[-1]) for window in windows)
    return start_s, (last_s - start_s) // spec.resolution_s + 1, spec.resolution_s


def _filled(calendar: NDArray[np.float32], window: LoadSeries, spec: ForecastSpec) -> NDArray[np.float32]:
    """A window's tensor of its calendar."""
    filled = calendar.copy()
    load = spec.load
    filled[:, spec.features.index(load)] = (window.kw - load.mean) / load.std
    return filled[np.newaxis]


@lru_cache(maxsize=32)
def _calendar(times: tuple[int, int, int], scaling: Scaling, time_zone: str) -> NDArray[np.float32]:
    """The tensor of a load of zero: what all meters of a fleet have in common, and most of the work.

    `times` are the first step's start, the number of steps and their length. Not to be written to.
    """
    start_s, steps, resolution_s = times
    series = LoadSeries(np.arange(steps, dtype=np.int64) * resolution_s + start_s, np.zeros(steps))
    raw = raw_features(series, [name for name, _, _ in scaling], ZoneInfo(time_zone))
    return _scaled(raw, scaling)
