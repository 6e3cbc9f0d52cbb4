"""The use case: a load history in, the steps that follow out."""

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
from pipelines.preprocessing.series import LoadSeries, regular_series
from pipelines.preprocessing.wall_clock import zone_named
from pipelines.preprocessing.window import STRICT, Tolerance, Window, window_of
from pipelines.spec import ForecastSpec
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, InvalidRequestError, ModelFailedError, ServiceError
from services.core.telemetry import traces
from services.core.telemetry.calls import caller, note, note_fallback, note_input
from services.gateway.admission import Admission
from services.gateway.canary import Trial
from services.gateway.metrics import READ_SECONDS, fell_back, looked_at, timed
from services.gateway.models import Models, ModelServer, ServedModel, VersionGoneError

T = TypeVar("T")

FAIR_S = 0.5
"""A version on trial that has less time than that and does not answer in it is not to blame."""

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
        model = self.models.for_caller(name, caller())
        async with self.admission.place(deadline):
            with traces.step("read history"), timed(READ_SECONDS):
                window = await read_window(history, model.spec, deadline)
            # So that an auditor can tell what a forecast was made from; hashed where it was read.
            note_input(await in_reader(sha256_of, history) if _is_large(history) else sha256_of(history))
            if window.fault:
                note(name, model.version)
                return fallback(model, window)
            (prediction,) = await self.ask(model, [window], deadline)
        note(name, prediction.model.version)
        return prediction

    async def ask(
        self, model: ServedModel, windows: Sequence[Window], deadline: Deadline
    ) -> list[Prediction]:
        """The forecasts of some windows by one call to a version, or to the newest where that one is gone.

        What a version on trial cannot answer, the stable one does. Raises ModelUnavailableError,
        ModelFailedError, DeadlineError.
        """
        try:
            return await self._ask_version(model, windows, deadline)
        except VersionGoneError:
            return await self._ask_version(await self.models.newest(model.name), windows, deadline)

    async def _ask_version(
        self, model: ServedModel, windows: Sequence[Window], deadline: Deadline
    ) -> list[Prediction]:
        trial = self.models.trial_of(model)
        if trial is None:
            return await self._ask(model, windows, deadline.for_upstream_s())
        return await self._try(trial, model, windows, deadline.for_upstream_s())

    async def _try(
        self, trial: Trial, canary: ServedModel, windows: Sequence[Window], left_s: float
    ) -> list[Prediction]:
        """Ask the version on trial, and the stable one to compare with and to have its answer in time."""
        stable = self.models.served(canary.name)
        half = Deadline.after(left_s / 2)
        tried = asyncio.ensure_future(self._ask(canary, windows, left_s / 2))
        known = asyncio.ensure_future(self._ask(stable, windows, left_s))
        try:
            await asyncio.wait([tried])
            error = tried.exception()
            if error is None:
                # What there is to compare with by then: nobody waits for more.
                await asyncio.wait([known], timeout=max(half.left_s, 0))
                has_known = known.done() and known.exception() is None
                known_kw = _loads_kw(known.result()) if has_known else None
                trial.answered(_loads_kw(tried.result()), known_kw, stable.spec.scale_kw)
                return tried.result()
            if not isinstance(error, ServiceError):
                raise error
            answer = await known
            # Only now: where neither answers it is not the canary's fault, nor where it had no time or was
            # withdrawn.
            is_rushed = isinstance(error, DeadlineError) and left_s / 2 < FAIR_S
            if not (is_rushed or isinstance(error, VersionGoneError)):
                trial.failed(error)
            return answer
        finally:
            for asked in (tried, known):
                asked.cancel()
            await asyncio.gather(tried, known, return_exceptions=True)

    async def _ask(self, model: ServedModel, windows: Sequence[Window], timeout_s: float) -> list[Prediction]:
        loads = [window.load for window in windows]
        answers = await self.server.forecast_kw(model, loads, timeout_s=timeout_s)
        try:
            return [
                Prediction(model, forecast(kw, window.load, model.spec), window)
                for kw, window in zip(answers, windows, strict=True)
            ]
        except ValueError as error:
            raise ModelFailedError("The model server answered something that is not a forecast") from error


def _loads_kw(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    return np.array([[step.kw for step in prediction.forecast.steps] for prediction in predictions])


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
        return await asyncio.wait_for(in_reader(_read, history, spec), deadline.left_s)
    except TimeoutError:
        raise DeadlineError("The history could not be read in time; send less of it") from None


def _is_large(history: History) -> bool:
    size = len(history.content) if isinstance(history, MeterFile) else history.kw.nbytes
    return size > _LARGE_BYTES


def in_reader(work: Callable[..., T], *arguments: object) -> "asyncio.Future[T]":
    """Work too long for the event loop, in the one thread that does it."""
    return asyncio.get_running_loop().run_in_executor(_READER, work, *arguments)


def sha256_of(*histories: History) -> str:
    """Of files as they came, one after the other; of series their loads alone, as 64-bit floats."""
    digest = hashlib.sha256()
    for history in histories:
        digest.update(history.content if isinstance(history, MeterFile) else history.kw.tobytes())
    return digest.hexdigest()


def _read(history: History, spec: ForecastSpec) -> Window:
    return window_of(read_series(history, spec), spec, history.tolerance)


def read_series(history: History, spec: ForecastSpec) -> LoadSeries:
    """All of a history. Raises InvalidSeriesError, InvalidRequestError."""
    if isinstance(history, MeterFile):
        return read_meter_file(
            history.content, zone=_zone(history.time_zone, spec), declared=history.declared
        )
    return regular_series(
        history.start,
        history.kw,
        resolution_s=spec.resolution_s,
        grid_s=spec.grid_s,
        may_miss=history.tolerance.of_gaps,
    )


def _zone(name: str | None, spec: ForecastSpec) -> ZoneInfo:
    try:
        return spec.zone if name is None else zone_named(name)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None
