"""The use case: a load history in, the quarter-hours that follow out."""

import asyncio
import zoneinfo
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pipelines.postprocessing import Forecast, forecast
from pipelines.preprocessing.features import model_input
from pipelines.preprocessing.meter_file import read_meter_file
from pipelines.preprocessing.series import LoadSeries, last_window, regular_series
from pipelines.spec import ForecastSpec
from services.core.errors import DeadlineError, InvalidRequestError, ModelFailedError
from services.gateway.models import Models, ModelServer, ServedModel, VersionGoneError

_LARGE_BYTES = 256 * 1024
"""Files above this are read in a thread: a week takes under a millisecond, 10 MiB a good part of a second."""


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
        window = await _window(history, model.spec)
        try:
            return await self._ask(model, window, deadline - loop.time())
        except VersionGoneError:
            await self.models.refresh(name)
            return await self._ask(self.models.served(name), window, deadline - loop.time())

    async def _ask(self, model: ServedModel, window: LoadSeries, timeout_s: float) -> Prediction:
        if timeout_s <= 0:
            raise DeadlineError("There was no time left to ask the model")
        spec = model.spec
        outputs = await self.server.predict(
            model.name,
            model.version,
            model.signature,
            {spec.input: model_input(window, spec)},
            timeout_s=timeout_s,
        )
        try:
            answer = outputs[spec.output].astype(np.float32)
            return Prediction(model, forecast(answer[0], window, spec))
        except (KeyError, IndexError, ValueError) as error:
            raise ModelFailedError("The model server answered something that is not a forecast") from error


async def _window(history: History, spec: ForecastSpec) -> LoadSeries:
    if isinstance(history, MeterFile):
        if len(history.content) > _LARGE_BYTES:
            return await asyncio.to_thread(_window_of_file, history, spec)
        return _window_of_file(history, spec)
    series = regular_series(history.start, history.kw, resolution_s=spec.resolution_s)
    return last_window(series, window=spec.window, resolution_s=spec.resolution_s)


def _window_of_file(file: MeterFile, spec: ForecastSpec) -> LoadSeries:
    series = read_meter_file(file.content, zone=_zone(file.time_zone) if file.time_zone else spec.zone)
    return last_window(series, window=spec.window, resolution_s=spec.resolution_s)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequestError(
            f"{name[:64]!r} is not a time zone; name one like Europe/Berlin or UTC"
        ) from None
