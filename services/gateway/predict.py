"""The use case: a load history in, the quarter-hours that follow out."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.postprocessing import Forecast, forecast
from pipelines.preprocessing.features import model_input
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import LoadSeries, last_window, regular_series
from pipelines.preprocessing.wall_clock import zone_named
from pipelines.spec import ForecastSpec
from services.core.errors import DeadlineError, InvalidRequestError, ModelFailedError
from services.gateway.models import Models, ModelServer, ServedModel, VersionGoneError, ask

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


@dataclass(frozen=True)
class EvenSeries:
    """A load without gaps, in steps of the model's resolution."""

    start: datetime
    """Start of the first step."""
    kw: NDArray[np.float64]
    """Mean power of each step, kW, oldest first."""


History = EvenSeries | MeterFile


@dataclass(frozen=True)
class Prediction:
    """A forecast, and the model that made it."""

    model: ServedModel
    forecast: Forecast


@dataclass(frozen=True)
class Predictor:
    """Forecasts by the models of a model server."""

    models: Models
    server: ModelServer

    async def predict(self, name: str, history: History, *, timeout_s: float) -> Prediction:
        """Forecast the steps that follow a history.

        Raises ModelNotFoundError; InvalidSeriesError and InvalidRequestError for the history;
        ModelUnavailableError, ModelFailedError, DeadlineError for the model.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        model = self.models.served(name)
        window = await _window(history, model.spec, timeout_s)
        try:
            return await self._ask(model, window, deadline - loop.time())
        except VersionGoneError:
            await self.models.refresh(name)
            return await self._ask(self.models.served(name), window, deadline - loop.time())

    async def _ask(self, model: ServedModel, window: LoadSeries, timeout_s: float) -> Prediction:
        if timeout_s <= 0:
            raise DeadlineError("There was no time left to ask the model")
        answer = await ask(self.server, model, model_input(window, model.spec), timeout_s=timeout_s)
        try:
            return Prediction(model, forecast(answer, window, model.spec))
        except ValueError as error:
            raise ModelFailedError("The model server answered something that is not a forecast") from error


async def _window(history: History, spec: ForecastSpec, timeout_s: float) -> LoadSeries:
    size = len(history.content) if isinstance(history, MeterFile) else history.kw.nbytes
    if size <= _LARGE_BYTES:
        return _read(history, spec)
    reading = asyncio.get_running_loop().run_in_executor(_READER, _read, history, spec)
    try:
        return await asyncio.wait_for(reading, timeout_s)
    except TimeoutError:
        raise DeadlineError("The history could not be read in time; send less of it") from None


def _read(history: History, spec: ForecastSpec) -> LoadSeries:
    if isinstance(history, MeterFile):
        series = read_meter_file(history.content, zone=_zone(history.time_zone, spec))
    else:
        series = regular_series(history.start, history.kw, resolution_s=spec.resolution_s)
    return last_window(series, window=spec.window, resolution_s=spec.resolution_s)


def _zone(name: str | None, spec: ForecastSpec) -> ZoneInfo:
    try:
        return spec.zone if name is None else zone_named(name)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None
