"""The use case: a load history in, the quarter-hours that follow out."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import InvalidSeriesError
from pipelines.postprocessing import Forecast, forecast, seasonal_naive
from pipelines.preprocessing.meter_file import AS_USUAL, Declared, read_meter_file
from pipelines.preprocessing.series import regular_series
from pipelines.preprocessing.wall_clock import zone_named
from pipelines.preprocessing.window import STRICT, Tolerance, Window, window_of
from pipelines.spec import ForecastSpec
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, InvalidRequestError, ModelFailedError
from services.core.telemetry import traces
from services.core.telemetry.calls import note, note_fallback, note_input
from services.gateway.admission import Admission
from services.gateway.metrics import READ_SECONDS, fell_back, looked_at, timed
from services.gateway.models import Models, ModelServer, ServedModel, VersionGoneError

T = TypeVar("T")

_LARGE_BYTES = 256 * 1024
"""Histories above this are read in a thread: a week takes a millisecond, 10 MiB a good part of a second."""

# One at a time, so that many large files at once do not take many times their memory.
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read")


@dataclass(frozen=True)
class MeterFile:
    """A meter's export as it came."""

    content: bytes
    time_zone: str | None
    """IANA zone of times without an offset; None for the zone of the model."""
    declared: Declared = AS_USUAL
    tolerance: Tolerance = STRICT


@dataclass(frozen=True)
class EvenSeries:
    """A load in steps of the model's resolution."""

    start: datetime
    """Start of the first step."""
    kw: NDArray[np.float64]
    """Mean power of each step, kW, oldest first; NaN where it is missing."""
    tolerance: Tolerance = STRICT


History = EvenSeries | MeterFile


@dataclass(frozen=True)
class Prediction:
    """A forecast, the model that made it, and what it was made from."""

    model: ServedModel
    forecast: Forecast
    window: Window

    @property
    def fallback_reason(self) -> str | None:
        """Why it is not the model's forecast after all: the rule that was broken, and how."""
        fault = self.window.fault
        return f"{fault.rule}: {fault}" if fault else None


@dataclass(frozen=True)
class Predictor:
    """Forecasts by the models of a model server."""

    models: Models
    server: ModelServer
    admission: Admission

    async def predict(self, name: str, history: History, deadline: Deadline) -> Prediction:
        """Forecast the steps that follow a history.

        Raises ModelNotFoundError; OverloadedError; InvalidSeriesError and InvalidRequestError for the
        history; ModelUnavailableError, ModelFailedError, DeadlineError for the model.
        """
        note(name)
        model = self.models.served(name)
        note(name, model.version)
        async with self.admission.place(deadline):
            with traces.step("read history"), timed(READ_SECONDS):
                window = await read_window(history, model.spec, deadline)
            # So that an auditor can tell what a forecast was made from; hashed where it was read.
            note_input(await _in_reader(_sha256, history) if _is_large(history) else _sha256(history))
            if window.fault:
                return fallback(model, window)
            try:
                return (await self.ask(model, [window], deadline))[0]
            except VersionGoneError:
                model = await self.models.newest(name)
                note(name, model.version)
                return (await self.ask(model, [window], deadline))[0]

    async def ask(
        self, model: ServedModel, windows: Sequence[Window], deadline: Deadline
    ) -> list[Prediction]:
        """The forecasts of some windows by one call to the model.

        Raises VersionGoneError, ModelUnavailableError, ModelFailedError, DeadlineError.
        """
        loads = [window.load for window in windows]
        answers = await self.server.forecast_kw(model, loads, timeout_s=deadline.for_upstream_s())
        try:
            return [
                Prediction(model, forecast(kw, window.load, model.spec), window)
                for kw, window in zip(answers, windows, strict=True)
            ]
        except ValueError as error:
            raise ModelFailedError("The model server answered something that is not a forecast") from error


def fallback(model: ServedModel, window: Window) -> Prediction:
    """What is answered for a window with a fault: no model is asked.

    Raises InvalidSeriesError where there is nothing to fall back to.
    """
    spec, fault = model.spec, window.fault
    assert fault is not None  # noqa: S101 - nobody falls back without one
    loads_kw = seasonal_naive(window.load.kw, horizon=spec.horizon, resolution_s=spec.resolution_s)
    if np.isnan(loads_kw).any():
        message = f"{fault.message}; neither last week's load nor yesterday's is there to fall back to"
        raise InvalidSeriesError([replace(fault, message=message)])
    note_fallback(fault.rule)
    fell_back(fault.rule)
    return Prediction(model, forecast(loads_kw, window.load, spec, is_models=False), window)


async def read_window(history: History, spec: ForecastSpec, deadline: Deadline) -> Window:
    """The last window of a history.

    Raises InvalidSeriesError, InvalidRequestError, and DeadlineError where reading takes too long.
    """
    window = await _read_window(history, spec, deadline)
    looked_at(window)
    return window


async def _read_window(history: History, spec: ForecastSpec, deadline: Deadline) -> Window:
    if not _is_large(history):
        return _read(history, spec)
    try:
        return await asyncio.wait_for(_in_reader(_read, history, spec), deadline.left_s)
    except TimeoutError:
        raise DeadlineError("The history could not be read in time; send less of it") from None


def _is_large(history: History) -> bool:
    size = len(history.content) if isinstance(history, MeterFile) else history.kw.nbytes
    return size > _LARGE_BYTES


def _in_reader(work: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
    return asyncio.get_running_loop().run_in_executor(_READER, work, *arguments)


def _sha256(history: History) -> str:
    """Of a file as it came; of a series its loads alone, as 64-bit floats."""
    return hashlib.sha256(
        history.content if isinstance(history, MeterFile) else history.kw.tobytes()
    ).hexdigest()


def _read(history: History, spec: ForecastSpec) -> Window:
    if isinstance(history, MeterFile):
        series = read_meter_file(
            history.content, zone=_zone(history.time_zone, spec), declared=history.declared
        )
    else:
        series = regular_series(
            history.start,
            history.kw,
            resolution_s=spec.resolution_s,
            may_miss=history.tolerance.of_gaps,
        )
    return window_of(series, spec, history.tolerance)


def _zone(name: str | None, spec: ForecastSpec) -> ZoneInfo:
    try:
        return spec.zone if name is None else zone_named(name)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None
