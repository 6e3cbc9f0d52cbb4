"""Concurrent requests of one signature run as one batch, each getting its own rows back.

All of it lives on the server's event loop; only the runs themselves are on threads. So nothing here needs a
lock, and a caller that goes away is a task that is cancelled.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np
from grpc import StatusCode

from services.serving.batching_parameters import BatchingParameters
from services.serving.saved_model import Arrays, Outputs
from services.serving.status import StatusError, invalid

Run = Callable[[Arrays], Outputs]


class Batcher:
    """The batches of all models: how many run at a time, and which is next."""

    def __init__(self, parameters: BatchingParameters, threads: Executor) -> None:
        """Run batches on `threads`; nothing waits yet."""
        self.parameters = parameters
        self.threads = threads
        self._free = parameters.num_batch_threads
        self._waiting: dict[_Batch, None] = {}
        """Batches that do not run yet, the oldest first."""

    def queue(self) -> "BatchQueue":
        """The queue of one model version."""
        return BatchQueue(self)

    async def run(self, queue: "BatchQueue", key: object, inputs: Arrays, size: int, run: Run) -> Outputs:
        """The outputs for some rows, once they ran with others; raises as `BatchQueue.run`."""
        batch = self._open_batch(queue, key, size, run)
        task = _Task(inputs, size)
        batch.add(task)
        self._dispatch()
        try:
            return await task.outputs
        finally:
            if batch in self._waiting:  # cancelled
                self._give_up(batch, task)
            # An error's traceback holds this frame; the error, its task and the frame must be no circle, or
            # the model would outlive its version.
            del batch, task

    def _open_batch(self, queue: "BatchQueue", key: object, size: int, run: Run) -> "_Batch":
        """The batch that has room for so many rows; opens one where there is none."""
        batch = queue.open.get(key)
        if batch and batch.size + size <= self.parameters.max_batch_size:
            return batch
        if queue.waiting >= self.parameters.max_enqueued_batches:
            raise StatusError(
                StatusCode.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{queue.waiting} batches enqueued and max_enqueued_batches is "
                f"{self.parameters.max_enqueued_batches}",
            )
        if batch:
            batch.is_due = True
        batch = queue.open[key] = _Batch(queue, key, run)
        queue.waiting += 1
        self._waiting[batch] = None
        if timeout_s := self.parameters.batch_timeout_micros / 1e6:
            batch.timer = asyncio.get_running_loop().call_later(timeout_s, self._time_is_up, batch)
        else:
            batch.is_due = True
        return batch

    def _time_is_up(self, batch: "_Batch") -> None:
        batch.is_due = True
        self._dispatch()

    def _dispatch(self) -> None:
        """Run every batch whose time has come, as long as some may run."""
        for batch in list(self._waiting):
            if not self._free:
                return
            if batch.is_due or batch.size == self.parameters.max_batch_size:
                self._leaves_queue(batch)
                self._free -= 1
                padded = self.parameters.padded(batch.size)
                running = asyncio.get_running_loop().run_in_executor(self.threads, batch.process, padded)
                running.add_done_callback(partial(self._finish, batch))

    def _finish(self, batch: "_Batch", done: "asyncio.Future[list[Outputs]]") -> None:
        self._free += 1
        self._dispatch()  # first: the next batch need not wait until all of these callers are answered
        error = done.exception()
        tasks, batch.tasks = batch.tasks, []  # as in `run`: the error may hold the batch
        for i, task in enumerate(tasks):
            if task.outputs.done():
                continue  # its caller went away meanwhile
            if error is None:
                task.outputs.set_result(done.result()[i])
            elif isinstance(error, StatusError):
                # One for each caller: raised from several places, one would hold them all by its traceback.
                task.outputs.set_exception(StatusError(error.code, error.message))
            else:
                task.outputs.set_exception(error)

    def _give_up(self, batch: "_Batch", task: "_Task") -> None:
        batch.tasks.remove(task)
        batch.size -= task.size
        if not batch.tasks:
            self._leaves_queue(batch)

    def _leaves_queue(self, batch: "_Batch") -> None:
        del self._waiting[batch]
        batch.queue.waiting -= 1
        if batch.timer:
            batch.timer.cancel()
        if batch.queue.open.get(batch.key) is batch:
            del batch.queue.open[batch.key]


class BatchQueue:
    """What waits for one model version."""

    def __init__(self, batcher: Batcher) -> None:
        """Share `batcher` with the other models."""
        self._batcher = batcher
        self.open: dict[object, _Batch] = {}
        """The batch that takes more, by signature and shape."""
        self.waiting = 0
        """Batches that do not run yet."""

    async def run(self, signature: str, inputs: Arrays, run: Run) -> Outputs:
        """Run a signature together with concurrent requests of its shape: (row, ...) for every input.

        What has no rows to put together, no inputs or empty ones, runs by itself at once; TensorFlow Serving
        refuses a signature without inputs. Cancelling takes a request out of a batch that does not run yet.

        Raises StatusError: INVALID_ARGUMENT for inputs that are no batch or more than a whole one,
        UNAVAILABLE where too much waits, FAILED_PRECONDITION for outputs that are no batch, and whatever
        `run` raises.
        """
        size = _rows(inputs)
        if not size:
            return await asyncio.get_running_loop().run_in_executor(self._batcher.threads, run, inputs)
        limit = self._batcher.parameters.max_batch_size
        if size > limit:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limit}")
        shapes = tuple([(name, inputs[name].dtype, inputs[name].shape[1:]) for name in sorted(inputs)])
        return await self._batcher.run(self, (signature, shapes), inputs, size, run)


class _Task:
    """One request's part of a batch."""

    def __init__(self, inputs: Arrays, size: int) -> None:
        self.inputs = inputs
        self.size = size
        self.outputs: asyncio.Future[Outputs] = asyncio.get_running_loop().create_future()


class _Batch:
    """Tasks of one signature and shape that run together."""

    def __init__(self, queue: BatchQueue, key: object, run: Run) -> None:
        self.queue = queue
        self.key = key
        self.tasks: list[_Task] = []
        self.size = 0
        """Rows."""
        self.is_due = False
        """Whether it need not be full any more to run."""
        self.timer: asyncio.TimerHandle | None = None
        self._run = run

    def add(self, task: _Task) -> None:
        self.tasks.append(task)
        self.size += task.size

    def process(self, padded: int) -> list[Outputs]:
        """Each task's outputs of one run of `padded` rows, the last task's first row filling it up."""
        outputs = self._run(self._inputs(padded))
        for array in outputs.values():
            if not array.ndim:
                raise StatusError(StatusCode.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
            if len(array) != padded:
                raise StatusError(
                    StatusCode.FAILED_PRECONDITION,
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension "
                    "sizes of the input tensors",
                )
        ends = np.cumsum([task.size for task in self.tasks]).tolist()
        return [
            {name: array[end - task.size : end] for name, array in outputs.items()}
            for task, end in zip(self.tasks, ends, strict=True)
        ]

    def _inputs(self, padded: int) -> Arrays:
        if len(self.tasks) == 1 and self.size == padded:
            return self.tasks[0].inputs
        parts = [task.inputs for task in self.tasks]
        parts += [{name: array[:1] for name, array in parts[-1].items()}] * (padded - self.size)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(inputs: Arrays) -> int:
    """The size every input has along its first dimension; 0 without inputs."""
    sizes = set()
    for array in inputs.values():
        if not array.ndim:
            raise invalid("Batching Run() input tensors must have at least one dimension")
        sizes.add(len(array))
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop() if sizes else 0
