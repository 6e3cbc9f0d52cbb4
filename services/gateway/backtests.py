"""The use case for a whole file: a forecast at every step of it, compared with what followed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pipelines.evaluation.backtest import Backtest, Report, cut
from pipelines.preprocessing.series import MAX_VALUE_KW
from services.core.deadline import Deadline
from services.core.errors import DeadlineError, ModelFailedError, OverloadedError
from services.core.telemetry.calls import caller, note
from services.gateway.models import ServedModel
from services.gateway.predict import History, Predictor, in_reader, read_series
from services.gateway.quotas import Quotas

MOST_AT_A_TIME = 2
"""In a process, of different callers: each keeps a model busy for seconds."""


@dataclass
class Backtester:
    """Backtests by the models of a model server, in batches that take their turn among the forecasts."""

    predictor: Predictor
    quotas: Quotas
    batch_timeout_s: float
    _running: set[str] = field(default_factory=set)
    """Their callers."""

    async def run(
        self, name: str, history: History, stride: int, deadline: Deadline
    ) -> tuple[ServedModel, Report]:
        """Forecast at every `stride`-th step of a history by the stable version.

        Each forecast counts towards the caller's quota. Raises ModelNotFoundError; OverloadedError,
        OverQuotaError; InvalidSeriesError and InvalidRequestError for the history; ModelUnavailableError,
        ModelFailedError for the model; DeadlineError.
        """
        note(name)
        model = self.predictor.models.served(name)
        note(name, model.version)
        with self._place(caller()):
            # First: whoever sent what cannot be judged should hear that, and not that it took too long.
            spec = model.spec
            rolled = await in_reader(lambda: cut(read_series(history, spec), spec, stride=stride))
            self.quotas.take(caller(), rolled.starts.size)
            try:
                async with asyncio.timeout(deadline.left_s):
                    return model, await self._report(model, rolled)
            except TimeoutError:
                raise DeadlineError(
                    "The backtest was not done in time: send fewer rows, or ask for every few steps with "
                    "`stride`"
                ) from None

    @contextmanager
    def _place(self, caller: str) -> Iterator[None]:
        if caller in self._running:
            raise OverloadedError("A backtest of yours is running; try again once it is done")
        if len(self._running) >= MOST_AT_A_TIME:
            raise OverloadedError("Other backtests are running; try again in a while")
        self._running.add(caller)
        try:
            yield
        finally:
            self._running.remove(caller)

    async def _report(self, model: ServedModel, rolled: Backtest) -> Report:
        spec = model.spec
        forecasts = []
        for windows in rolled.batches(spec.batch_sizes[-1]):
            async with self.predictor.admission.place():
                forecasts.append(
                    await self.predictor.server.forecast_kw(model, windows, timeout_s=self.batch_timeout_s)
                )
        forecast_kw = np.concatenate(forecasts)
        if not (np.abs(forecast_kw) <= MAX_VALUE_KW).all():
            raise ModelFailedError("The model answered a value that is not a power")
        return await in_reader(rolled.report, forecast_kw, spec.intervals, spec.linear)
