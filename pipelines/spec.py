"""The forecast spec: all that turns a model's tensors into a forecast, carried inside the model.

Each SavedModel has a signature `forecast_spec` without inputs whose one string output is this document
as JSON, so constants and weights can never be of different versions.
"""

from itertools import pairwise
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

from pipelines.preprocessing.calendar import CalendarName
from pipelines.preprocessing.series import LoadSeries, regular_series
from pipelines.preprocessing.wall_clock import grid_s, zone_named

SIGNATURE = "forecast_spec"
"""Name of the signature that answers the spec, and of its one output."""

LOAD: Final = "load"
"""Name of the feature that is the load itself, kW before normalisation."""

FeatureName = Literal["load", CalendarName]

DAY_S = 86_400


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Document):
    """One input column: its name and the constants that normalise it, (value - mean) / std."""

    name: FeatureName
    mean: FiniteFloat = 0.0
    std: FiniteFloat = Field(default=1.0, gt=0)


Scaling = tuple[tuple[FeatureName, float, float], ...]
"""Name, mean and standard deviation of each feature."""


class IntervalOffsets(_Document):
    """What to add to the forecast of each step, kW, to bound the outcome with probability `level`."""

    level: float = Field(gt=0, lt=1)
    lower_kw: tuple[FiniteFloat, ...]
    upper_kw: tuple[FiniteFloat, ...]


class LinearForecast(_Document):
    """A linear forecast of the load by the load alone: what a model has to be better than.

    The change since the last value is the changes before it @ kernel, plus bias_kw.
    """

    kernel: tuple[tuple[FiniteFloat, ...], ...]
    """Shape (steps, horizon); `steps` are the newest of the window."""
    bias_kw: tuple[FiniteFloat, ...]
    """Shape (horizon,)."""

    def forecast_kw(self, history_kw: NDArray[np.float64]) -> NDArray[np.float64]:
        """From shape (windows, window) to shape (windows, horizon), kW."""
        last = history_kw[:, -1:]
        changes = history_kw[:, -len(self.kernel) :] - last
        forecast: NDArray[np.float64] = last + changes @ np.array(self.kernel) + np.array(self.bias_kw)
        return forecast


class Observed(_Document):
    """What the loads were that a version was trained on: a meter that says otherwise may be at fault."""

    min_kw: FiniteFloat
    max_kw: FiniteFloat
    longest_flat_steps: PositiveInt
    """Longest run of identical values."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.max_kw < self.min_kw:
            raise ValueError("max_kw must not be below min_kw")
        return self


class TrainingRecord(_Document):
    """What a version was trained on and how it scored on weeks it had not seen, kW.

    Those that are trained here say all of it.
    """

    data_sha256: str = ""
    data_from: AwareDatetime
    data_until: AwareDatetime
    mae_kw: FiniteFloat
    rmse_kw: FiniteFloat
    naive_mae_kw: dict[str, FiniteFloat] = {}
    """Mean absolute error of naive forecasts on the same weeks, by name."""
    code: str = ""
    """Version of Wattgate that trained the model, and hash of its pipelines: "0.1.0 sha256:..."."""
    packages: dict[str, str] = {}
    """Versions of what its weights depend on, by name."""
    observed: Observed | None = None
    """None for versions that do not say."""


class KnownRequest(_Document):
    """A history and the forecast the model gave for it when it was exported, both kW."""

    start: AwareDatetime
    history_kw: tuple[FiniteFloat, ...]
    forecast_kw: tuple[FiniteFloat, ...]


class ForecastSpec(_Document):
    """Shapes, units and constants of one model version."""

    format: Literal[1] = 1
    input: str = "window"
    """Name of the signatures' input, float32 (batch, window, feature)."""
    output: str = "forecast"
    """Name of the signatures' output, float32 (batch, horizon), normalised as the load is."""
    signatures: tuple[str, ...] = ("compiled", "serving_default")
    """Signatures that compute the forecast, the preferred one first."""
    batch_sizes: tuple[PositiveInt, ...] = (1,)
    """Sizes the compiled signature is warmed for, ascending: pad a batch to the next of them."""
    features: tuple[Feature, ...]
    """In the order of the input's last dimension."""
    window: PositiveInt
    """Steps of history the model sees."""
    horizon: PositiveInt
    """Steps it forecasts."""
    resolution_s: PositiveInt
    """Length of a step, seconds; must divide a day."""
    unit: Literal["kW"] = "kW"
    time_zone: str
    """IANA zone whose wall clock the calendar follows, and from whose midnight steps are counted."""
    spread_kw: FiniteFloat | None = Field(default=None, gt=0)
    """Standard deviation of the load, where that is not the one it is normalised by."""
    intervals: tuple[IntervalOffsets, ...] = ()
    """Ascending by level."""
    linear: LinearForecast | None = None
    training: TrainingRecord | None = None
    """None for versions that do not say."""
    known_request: KnownRequest

    @property
    def scaling(self) -> Scaling:
        """The features' constants, in their order."""
        return tuple([(feature.name, feature.mean, feature.std) for feature in self.features])

    @property
    def load(self) -> Feature:
        """The feature that is the load; its constants denormalise the output too."""
        return next(feature for feature in self.features if feature.name == LOAD)

    @property
    def interface(self) -> tuple[int, int, int, str, str]:
        """Window, horizon, resolution, zone and unit, alike of versions that can stand in for each other.

        The zone is that of a file's times where the caller names none.
        """
        return self.window, self.horizon, self.resolution_s, self.time_zone, self.unit

    @property
    def scale_kw(self) -> float:
        """What differences between forecasts are measured by: the standard deviation of the load."""
        return self.spread_kw or self.load.std

    @property
    def observed(self) -> Observed | None:
        """What the loads of its training were like; None where it does not say."""
        return self.training.observed if self.training else None

    @property
    def resolution(self) -> str:
        """Length of a step as an ISO 8601 duration."""
        if self.resolution_s == DAY_S:
            return "P1D"
        for unit_s, unit in ((3600, "H"), (60, "M")):
            if self.resolution_s % unit_s == 0:
                return f"PT{self.resolution_s // unit_s}{unit}"
        return f"PT{self.resolution_s}S"

    @property
    def grid_s(self) -> int:
        """Where steps begin, seconds after midnight UTC; less than the length of one."""
        return grid_s(self.time_zone, self.resolution_s)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the cycles."""
        return ZoneInfo(self.time_zone)

    @property
    def known_history(self) -> LoadSeries:
        """The history of the known request."""
        known = self.known_request
        kw = np.array(known.history_kw)
        return regular_series(known.start, kw, resolution_s=self.resolution_s, grid_s=self.grid_s)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [feature.name for feature in self.features]
        if LOAD not in names or len(set(names)) != len(names):
            raise ValueError("features must name the load once and no feature twice")
        if DAY_S % self.resolution_s:
            raise ValueError("resolution_s must divide a day")
        zone_named(self.time_zone)
        _ = self.grid_s
        if not self.signatures:
            raise ValueError("signatures must name at least one")
        if any(len(side) != self.horizon for i in self.intervals for side in (i.lower_kw, i.upper_kw)):
            raise ValueError("intervals must have one offset a step of the horizon")
        if any(wide.level <= narrow.level for narrow, wide in pairwise(self.intervals)):
            raise ValueError("intervals must ascend by level")
        if any(big <= small for small, big in pairwise(self.batch_sizes)) or not self.batch_sizes:
            raise ValueError("batch_sizes must ascend")
        if self.linear is not None and (
            not 1 <= len(self.linear.kernel) <= self.window
            or any(len(row) != self.horizon for row in (*self.linear.kernel, self.linear.bias_kw))
        ):
            raise ValueError("linear must have a row a step of the window at most, a column a step ahead")
        if len(self.known_request.history_kw) != self.window:
            raise ValueError("known_request.history_kw must be one window long")
        if len(self.known_request.forecast_kw) != self.horizon:
            raise ValueError("known_request.forecast_kw must be one horizon long")
        _ = self.known_history
        return self
