"""The use case for a whole file: a forecast at every step of it, compared with what followed."""

import asyncio
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.backtest import Backtest, Report, cut
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, OverloadedError
from services.core.telemetry.calls import note
from services.gateway.models import ServedModel
from services.gateway.predict import History, Predictor, in_reader, read_series

MOST_AT_A_TIME = 2
"""Each keeps a model busy for seconds."""


@dataclass
class Backtester:
    """Backtests by the models of a model server, in batches that take their turn among the forecasts."""

    predictor: Predictor
    batch_timeout_s: float
    _running: int = 0

    async def run(
        self, name: str, history: History, stride: int, deadline: Deadline
    ) -> tuple[ServedModel, Report]:
        """Forecast at every `stride`-th step of a history by the stable version.

        Raises ModelNotFoundError; OverloadedError; InvalidSeriesError and InvalidRequestError for the
        history; ModelUnavailableError, ModelFailedError for the model; DeadlineError.
        """
        note(name)
        model = self.predictor.models.served(name)
        note(name, model.version)
        if self._running >= MOST_AT_A_TIME:
            raise OverloadedError("Other backtests are running; try again in a while")
        self._running += 1
        try:
            # First: whoever sent what cannot be judged should hear that, and not that it took too long.
            spec = model.spec
            rolled = await in_reader(lambda: cut(read_series(history, spec), spec, stride=stride))
            async with asyncio.timeout(deadline.left_s):
                return model, await self._report(model, rolled)
        except TimeoutError:
            raise DeadlineError(
                "The backtest was not done in time: send fewer rows, or ask for every few steps with `stride`"
            ) from None
        finally:
            self._running -= 1

    async def _report(self, model: ServedModel, rolled: Backtest) -> Report:
        spec = model.spec
        forecasts = []
        for windows in rolled.batches(spec.batch_sizes[-1]):
            async with self.predictor.admission.place():
                forecasts.append(
                    await self.predictor.server.forecast_kw(model, windows, timeout_s=self.batch_timeout_s)
                )
        forecast_kw = np.concatenate(forecasts)
        return await in_reader(rolled.report, forecast_kw, spec.intervals, spec.linear)
