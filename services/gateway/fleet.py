"""The use case for many histories: computed together, answered as they are ready."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing.window import Window
from services.core.deadline import Deadline
from services.core.errors import ServiceError
from services.core.telemetry.calls import caller
from services.gateway.metrics import READ_SECONDS, STREAM_BATCH_SIZE, timed
from services.gateway.models import ServedModel
from services.gateway.predict import History, Prediction, Predictor, fallback, read_window

AT_WORK = 2
"""Batches of one caller under way at a time: one is computed while the next is on its way."""

MOST_UNANSWERED = 160
"""Histories that are read before the first of them is answered: some batches' worth."""


@dataclass(frozen=True)
class Meter:
    """One history of many."""

    id: str
    model: str
    history: History | ServiceError
    """Or why there is none."""


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    id: str
    result: Prediction | ServiceError | InvalidSeriesError


@dataclass
class _Gathered:
    """Windows of one version that wait for their batch."""

    model: ServedModel
    ids: list[str] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)


class Fleet:
    """One caller's histories, as many as it likes.

    Windows gather while batches are computed, so batches grow with the load by themselves. No more is read
    than may be unanswered: the rest waits with the caller.
    """

    def __init__(
        self, predictor: Predictor, turn: Callable[[], Awaitable[None]], *, timeout_s: float
    ) -> None:
        """Wait for its `turn` before each history; give each batch `timeout_s` once it has its place."""
        self._predictor = predictor
        self._turn = turn
        self._timeout_s = timeout_s
        self._gathered: dict[tuple[str, int], _Gathered] = {}
        self._outcomes: asyncio.Queue[Outcome | BaseException | None] = asyncio.Queue()
        self._may_read = asyncio.Semaphore(MOST_UNANSWERED)
        self._changed = asyncio.Event()
        self._has_ended = False
        self._under_way = 0
        """Batches."""

    async def forecast(self, meters: AsyncIterator[Meter]) -> AsyncIterator[Outcome]:
        """The outcome of every meter, in the order they are ready; raises whatever ends `meters` early."""
        work = asyncio.create_task(self._work(meters))
        try:
            while (outcome := await self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
                self._may_read.release()
        finally:
            work.cancel()
            await asyncio.wait([work])

    async def _work(self, meters: AsyncIterator[Meter]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(meters))
                for _ in range(AT_WORK):
                    tasks.create_task(self._send())
        except ExceptionGroup as errors:
            self._outcomes.put_nowait(errors.exceptions[0])
        else:
            self._outcomes.put_nowait(None)

    async def _read(self, meters: AsyncIterator[Meter]) -> None:
        async for meter in meters:
            await self._may_read.acquire()
            await self._turn()
            try:
                if isinstance(meter.history, ServiceError):
                    raise meter.history
                model = self._predictor.models.for_caller(meter.model, caller())
                with timed(READ_SECONDS):
                    window = await read_window(meter.history, model.spec, Deadline.after(self._timeout_s))
                if window.fault:
                    self._outcomes.put_nowait(Outcome(meter.id, fallback(model, window)))
                    continue
            except (ServiceError, InvalidSeriesError) as error:
                self._outcomes.put_nowait(Outcome(meter.id, error))
                continue
            gathered = self._gathered.setdefault((model.name, model.version), _Gathered(model))
            gathered.ids.append(meter.id)
            gathered.windows.append(window)
            self._changed.set()
        self._has_ended = True
        self._changed.set()

    async def _send(self) -> None:
        """Compute batches until everything is read and sent."""
        while self._gathered or not self._has_ended:
            if not self._is_worth_a_call():
                self._changed.clear()
                await self._changed.wait()
                continue
            async with self._predictor.admission.place():
                if not self._gathered:
                    continue
                self._under_way += 1
                try:
                    outcomes = await self._compute(self._next_batch())
                finally:
                    self._under_way -= 1
                    self._changed.set()
                for outcome in outcomes:
                    self._outcomes.put_nowait(outcome)

    def _is_worth_a_call(self) -> bool:
        """Part of a batch goes only while nothing else is under way: more may come meanwhile."""
        return any(
            not self._under_way or len(waiting.ids) >= waiting.model.spec.batch_sizes[-1]
            for waiting in self._gathered.values()
        )

    def _next_batch(self) -> _Gathered:
        """As much as fits of the model that waited longest; models take turns."""
        key = next(iter(self._gathered))
        waiting = self._gathered.pop(key)
        size = waiting.model.spec.batch_sizes[-1]
        if len(waiting.ids) > size:
            self._gathered[key] = _Gathered(waiting.model, waiting.ids[size:], waiting.windows[size:])
        return _Gathered(waiting.model, waiting.ids[:size], waiting.windows[:size])

    async def _compute(self, batch: _Gathered) -> list[Outcome]:
        STREAM_BATCH_SIZE.observe(len(batch.ids))
        deadline = Deadline.after(self._timeout_s)
        results: Sequence[Prediction | ServiceError]
        try:
            results = await self._predictor.ask(batch.model, batch.windows, deadline)
        except ServiceError as error:
            results = [error] * len(batch.ids)
        return [Outcome(id_, result) for id_, result in zip(batch.ids, results, strict=True)]
