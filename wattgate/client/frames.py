"""pandas in and out. Needs pandas (the extra `pandas`)."""

import math
from typing import TypeAlias

from wattgate.client.answers import Forecast
from wattgate.client.histories import Series
from wattgate.errors import InvalidLoad, MissingPackage

try:
    import pandas as pd
except ImportError as error:
    raise MissingPackage("Frames need pandas: pip install 'wattgate[pandas]'") from error

Frame: TypeAlias = "pd.DataFrame | pd.Series"

USUAL_STEP_S = 900
"""Of a model that has not said its own: the gateway says what is wrong with the model, not we."""


def series_of(
    load: Frame, *, step_s: int, column: str | None, time_zone: str | None, may_have_gaps: bool
) -> Series:
    """The series of a frame: a value a step, None where one is missing.

    `load` holds mean powers, kW, by the time at which each step begins. Raises InvalidLoad.
    """
    values = _values(load, column)
    index = _index(values, time_zone)
    step = pd.Timedelta(seconds=step_s)
    if len(index) > 1 and (shortest := index.to_series().diff().min()) != step:
        raise InvalidLoad(
            f"The steps are {_said(shortest)} long, those of the model {_said(step)}: resample the frame"
        )
    whole = pd.date_range(index[0], index[-1], freq=step)
    if not index.isin(whole).all():
        odd = index[~index.isin(whole)][0]
        raise InvalidLoad(f"{odd} is not a whole number of steps of {_said(step)} after {index[0]}")
    kw = [None if math.isnan(value) else value for value in _numbers(values, index).reindex(whole)]
    if None in kw and not may_have_gaps:
        raise InvalidLoad(
            f"{kw.count(None)} values are missing, the first at {whole[kw.index(None)]}: fill them, or allow "
            "it by gaps='linear' or fallback='seasonal_naive'"
        )
    return Series(index[0].to_pydatetime(), kw)


def _values(load: Frame, column: str | None) -> "pd.Series":
    if not isinstance(load, pd.DataFrame | pd.Series):
        raise InvalidLoad(f"The load is {type(load).__name__}: give a pandas DataFrame or Series")
    if load.empty:
        raise InvalidLoad("The frame is empty")
    if isinstance(load, pd.Series):
        if column is not None and column != load.name:
            raise InvalidLoad(f"column is {column!r}, and this is a Series named {load.name!r}")
        return load
    there_are = ", ".join(map(repr, load.columns))
    if column is None and len(load.columns) > 1:
        raise InvalidLoad(f"The frame has several columns: name that of the load, column= one of {there_are}")
    name = load.columns[0] if column is None else column
    if list(load.columns).count(name) != 1:
        raise InvalidLoad(f"There is no one column {name!r}; there are {there_are}")
    return load[name]


def _index(values: "pd.Series", time_zone: str | None) -> "pd.DatetimeIndex":
    """The times, in UTC."""
    index = values.index
    if not isinstance(index, pd.DatetimeIndex):
        raise InvalidLoad(f"The index is {type(index).__name__}: give a DatetimeIndex of when steps begin")
    if index.hasnans:
        raise InvalidLoad(f"Row {index.isna().argmax() + 1} has no time")
    if index.tz is None:
        if time_zone is None:
            raise InvalidLoad("The index has no time zone: say which, e.g. time_zone='Europe/Berlin'")
        try:
            index = index.tz_localize(time_zone, ambiguous="infer", nonexistent="raise")
        except (ValueError, LookupError, OSError) as error:
            raise InvalidLoad(f"The index is not one of {time_zone}: {error}") from error
    elif time_zone is not None:
        raise InvalidLoad(f"The index has the time zone {index.tz}: time_zone is for one that has none")
    index = index.tz_convert("UTC")
    if index.has_duplicates:
        raise InvalidLoad(f"{index[index.duplicated()][0]} is there twice")
    if not index.is_monotonic_increasing:
        back = (index.to_series().diff() < pd.Timedelta(0)).argmax()
        raise InvalidLoad(f"Row {back + 1}, {index[back]}, is older than the row before: sort the frame")
    return index


def _numbers(values: "pd.Series", index: "pd.DatetimeIndex") -> "pd.Series":
    name = f" {values.name!r}" if values.name is not None else ""
    try:
        numbers = pd.Series(values.to_numpy(dtype="float64", na_value=math.nan), index)
    except (TypeError, ValueError) as error:
        raise InvalidLoad(f"The values{name} are no numbers: {error}") from error
    if (endless := numbers.abs() == math.inf).any():
        raise InvalidLoad(f"The value at {endless.idxmax()} is infinite")
    return numbers


def _said(length: "pd.Timedelta") -> str:
    return f"{length.total_seconds() / 60:g} min"


def frame_of(forecast: Forecast) -> "pd.DataFrame":
    """The steps of a forecast."""
    times = pd.to_datetime([step.valid_from for step in forecast.steps], utc=True)
    index = times.tz_convert(forecast.time_zone).rename("valid_from")
    frame = pd.DataFrame(list(forecast.rows()), index, forecast.columns())
    frame.attrs = {
        "model": forecast.model,
        "model_version": forecast.model_version,
        "warnings": forecast.warnings,
        "repaired": forecast.repaired,
        "fallback_reason": forecast.fallback_reason,
    }
    return frame
