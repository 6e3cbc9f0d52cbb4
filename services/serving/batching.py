"""Concurrent requests of one signature run as one batch, each getting its own rows back.

There are no threads here: a batch is run by one of the threads that wait for it. A lone request on a server
that is not busy therefore runs where it is, at the price of a lock.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray

from services.serving.batching_parameters import BatchingParameters
from services.serving.status import StatusError, invalid

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Arrays], dict[str, NDArray[Any]]]

NEVER = float("inf")

MAX_THREADS = 256
"""Most threads that wait for batches, however large those may be."""

_expires_at: ContextVar[float] = ContextVar("expires_at", default=NEVER)


@contextmanager
def waited_for_until(expires_at: float) -> Iterator[None]:
    """Requests of this thread are of a caller that stops waiting then, on the monotonic clock."""
    token = _expires_at.set(expires_at)
    try:
        yield
    finally:
        _expires_at.reset(token)  # the thread is another request's next


class Batcher:
    """The batches of all models: how many run at a time, and which is next."""

    def __init__(self, parameters: BatchingParameters) -> None:
        """Nothing waits yet."""
        self.parameters = parameters
        self._lock = threading.Lock()
        self._free = parameters.num_batch_threads
        self._waiting: dict[_Batch, None] = {}
        """Batches that nobody runs yet, the oldest first."""

    def threads(self, least: int) -> int:
        """Threads to take requests: every caller of a batch needs one, and while it runs the next gathers."""
        return max(least, min(2 * self.parameters.max_batch_size, MAX_THREADS))

    def queue(self) -> "BatchQueue":
        """The queue of one model version."""
        return BatchQueue(self)

    def run(self, queue: "BatchQueue", key: object, task: "_Task", run: Run) -> dict[str, NDArray[Any]]:
        """The outputs of a task, once it ran with others; raises as `BatchQueue.run`."""
        with self._lock:
            now = time.monotonic()
            task.batch = self._open_batch(queue, key, task.size, run, now)
            task.batch.add(task)
            self._dispatch(now)
            wake_at = self._falls_asleep(task, now)
        while not task.done:
            if task.batch.runner is task:
                self._finish(task.batch)
            elif not task.sleep(wake_at):
                with self._lock:
                    now = time.monotonic()
                    task.is_awake()
                    if not task.done and not task.batch.runner and now >= task.expires_at:
                        self._give_up(task)
                    self._dispatch(now)
                    wake_at = self._falls_asleep(task, now)
            elif not task.done:
                with self._lock:
                    wake_at = self._falls_asleep(task, time.monotonic())
        # Neither a batch and its tasks nor an error and its traceback may end as a circle: the model would
        # outlive its version.
        del task.batch
        if task.error:
            try:
                raise task.error
            finally:
                task.error = None
        return task.outputs

    def _open_batch(self, queue: "BatchQueue", key: object, size: int, run: Run, now: float) -> "_Batch":
        """The batch that has room for a task; opens one where there is none."""
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
            batch.due = now
        batch = _Batch(queue, key, run, now + self.parameters.batch_timeout_micros / 1e6)
        queue.open[key] = batch
        queue.waiting += 1
        self._waiting[batch] = None
        return batch

    def _dispatch(self, now: float) -> None:
        """Give every batch whose time has come to one of its callers to run, as long as some may run."""
        for batch in list(self._waiting):
            if not self._free:
                return
            if now < batch.due and batch.size < self.parameters.max_batch_size:
                continue
            for task in [task for task in batch.tasks if now >= task.expires_at]:
                self._give_up(task)
            if batch.tasks:
                self._leaves_queue(batch)
                self._free -= 1
                batch.runner = batch.tasks[0]
                batch.runner.wake()

    def _leaves_queue(self, batch: "_Batch") -> None:
        del self._waiting[batch]
        batch.queue.waiting -= 1
        if batch.queue.open.get(batch.key) is batch:
            del batch.queue.open[batch.key]

    def _falls_asleep(self, task: "_Task", now: float) -> float:
        """When a task that is neither done nor to be run by its own thread has to look again."""
        if task.done or task.batch.runner is task:
            return now
        task.asleep = True
        if task.batch.runner:
            return NEVER
        # The first one looks after the batch; once it is due, whoever ends a run does.
        due = task.batch.due if task.batch.tasks[0] is task and now < task.batch.due else NEVER
        return min(task.expires_at, due)

    def _give_up(self, task: "_Task") -> None:
        batch = task.batch
        batch.tasks.remove(task)
        batch.size -= task.size
        task.end(
            StatusError(
                StatusCode.DEADLINE_EXCEEDED, "Run() timeout exceeded while waiting in batching queue"
            )
        )
        if batch.tasks:
            batch.tasks[0].wake()
        else:
            self._leaves_queue(batch)

    def _finish(self, batch: "_Batch") -> None:
        error: Exception | None = None
        try:
            batch.process(self.parameters.padded(batch.size))
        except Exception as raised:  # noqa: BLE001 - every caller gets it, and the edge decides what of it leaves
            error = raised
        with self._lock:
            for task in batch.tasks:
                task.end(error)
            self._free += 1
            self._dispatch(time.monotonic())
        error = None  # as in `run`


class BatchQueue:
    """What waits for one model version."""

    def __init__(self, batcher: Batcher) -> None:
        """Share `batcher` with the other models."""
        self._batcher = batcher
        self.open: dict[object, _Batch] = {}
        """The batch that takes more, by signature and shape."""
        self.waiting = 0
        """Batches that nobody runs yet."""

    def run(self, signature: str, inputs: Arrays, run: Run) -> dict[str, NDArray[Any]]:
        """Run a signature together with concurrent requests of its shape: (row, ...) for every input.

        What has no rows to put together, no inputs or empty ones, runs by itself at once; TensorFlow Serving
        refuses a signature without inputs.

        Raises StatusError: INVALID_ARGUMENT for inputs that are no batch or more than a whole one,
        UNAVAILABLE where too much waits, DEADLINE_EXCEEDED where the caller's deadline passed before,
        FAILED_PRECONDITION for outputs that are no batch, and whatever `run` raises.
        """
        size = _rows(inputs)
        if not size:
            return run(inputs)
        limit = self._batcher.parameters.max_batch_size
        if size > limit:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limit}")
        shapes = tuple([(name, inputs[name].dtype, inputs[name].shape[1:]) for name in sorted(inputs)])
        return self._batcher.run(self, (signature, shapes), _Task(inputs, size, _expires_at.get()), run)


class _Task:
    """One request's part of a batch, and the thread that waits for it."""

    batch: "_Batch"
    outputs: dict[str, NDArray[Any]]

    def __init__(self, inputs: Arrays, size: int, expires_at: float) -> None:
        self.inputs = inputs
        self.size = size
        self.expires_at = expires_at
        self.error: Exception | None = None
        self.done = False
        self.asleep = False
        """Whether the thread waits, or is about to; changes under the batcher's lock, as does `_bell`."""
        self._bell = threading.Lock()
        self._bell.acquire()

    def sleep(self, until: float) -> bool:
        """Wait for `wake`; False where the time came first."""
        if until == NEVER:
            return self._bell.acquire()
        return self._bell.acquire(timeout=min(max(until - time.monotonic(), 0), threading.TIMEOUT_MAX))

    def wake(self) -> None:
        """End the sleep, if there is one."""
        if self.asleep:
            self.asleep = False
            self._bell.release()

    def is_awake(self) -> None:
        """Take note that the time came; whoever rang meanwhile rang in vain."""
        if not self.asleep:
            self._bell.acquire()
        self.asleep = False

    def end(self, error: Exception | None) -> None:
        """There is a result, or there will be none."""
        self.error = error
        self.done = True
        self.wake()


class _Batch:
    """Tasks of one signature and shape that run together."""

    def __init__(self, queue: BatchQueue, key: object, run: Run, due: float) -> None:
        self.queue = queue
        self.key = key
        self.tasks: list[_Task] = []
        self.size = 0
        """Rows."""
        self.due = due
        """When it need not be full any more to run."""
        self.runner: _Task | None = None
        """Whose thread runs it; nobody's while it waits."""
        self._run = run

    def add(self, task: _Task) -> None:
        self.tasks.append(task)
        self.size += task.size

    def process(self, padded: int) -> None:
        """Run the tasks as one batch of `padded` rows, the last task's first row filling it up."""
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
        begin = 0
        for task in self.tasks:
            end = begin + task.size
            task.outputs = {name: array[begin:end] for name, array in outputs.items()}
            begin = end

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
