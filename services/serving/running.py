"""How requests run a loaded version: on a pool of threads, alone or together with others."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

from services.serving.batching import Batcher
from services.serving.monitoring import Metrics
from services.serving.saved_model import Arrays, Outputs, SavedModel

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES = 64 * 1024


class Runner:
    """Runs models for the requests of one event loop."""

    def __init__(self, threads: Executor, batcher: Batcher | None, metrics: Metrics | None) -> None:
        """Run on `threads`; with a batcher, concurrent requests of one signature and shape together."""
        self.threads = threads
        self.batcher = batcher
        self.metrics = metrics

    def serve(self, name: str, model: SavedModel) -> "RunningModel":
        """A loaded version of the model `name`, for requests."""
        return RunningModel(self, name, model)


class RunningModel:
    """One version as requests run it. Whoever holds it keeps the version from being closed."""

    def __init__(self, runner: Runner, name: str, model: SavedModel) -> None:
        """Run by the runner's measures."""
        self.signatures = model.signatures
        self._runner = runner
        self._name = name
        self._model = model
        self._queue = runner.batcher.queue() if runner.batcher else None

    async def run(self, signature: str, inputs: Arrays) -> Outputs:
        """Run a signature as `SavedModel.run`; a run that is cancelled before its turn never happens.

        Raises what that raises, and what `BatchQueue.run` raises where requests are batched.
        """
        began = time.perf_counter()
        run = partial(self._model.run, signature)
        if self._queue:
            outputs = await self._queue.run(signature, inputs, run)
        else:
            outputs = await asyncio.get_running_loop().run_in_executor(self._runner.threads, run, inputs)
        if self._runner.metrics:
            self._runner.metrics.ran(self._name, self._model.api(signature), time.perf_counter() - began)
        return outputs


async def by_size(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` answers, called right here for messages of few bytes, in a thread for large ones.

    A hop to a thread costs more than taking a small message apart; a large one would hold up the event loop.
    """
    if size <= LARGE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
