"""How requests are batched: TensorFlow Serving's `BatchingParameters`, read from text format and checked."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.serving import config_messages
from services.serving.status import invalid


@dataclass(frozen=True)
class BatchingParameters:
    """What `--batching_parameters_file` may set; the defaults are TensorFlow Serving's."""

    max_batch_size: int = 1000
    """Most rows of one batch, and of one request."""
    batch_timeout_micros: int = 0
    """How long a batch that is not full waits for more, where a thread is free."""
    max_enqueued_batches: int = 10
    """Batches of one model version that may wait for a thread."""
    num_batch_threads: int = os.cpu_count() or 1
    """Batches that run at a time, over all models."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Sizes a batch is padded to, ascending; empty: batches run as they are."""

    def __post_init__(self) -> None:
        """Raises StatusError INVALID_ARGUMENT for what cannot be meant."""
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise invalid(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_micros < 0:
            raise invalid(f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}")
        sizes = self.allowed_batch_sizes
        if sizes and sizes[-1] != self.max_batch_size:
            raise invalid(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{sizes[-1]}; expected {self.max_batch_size}"
            )
        if sizes and (sizes[0] < 1 or sorted(set(sizes)) != list(sizes)):
            raise invalid("allowed_batch_sizes entries must be positive and monotonically increasing")

    def padded(self, size: int) -> int:
        """The size that a batch of `size` rows runs with."""
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size), size)


def read(path: Path) -> BatchingParameters:
    """The parameters of a text-format file; what it leaves out keeps its default.

    Raises StatusError: NOT_FOUND for a file that cannot be read, INVALID_ARGUMENT for one that does not
    parse, cannot be meant, or asks for what is not supported here.
    """
    message = config_messages.read(path, "BatchingParameters")
    for name in ("pad_variable_length_inputs", "enable_large_batch_splitting"):
        value = getattr(message, name)
        if value if isinstance(value, bool) else value.value:
            raise invalid(f"{name} is not supported")
    given = {
        name: getattr(message, name).value
        for name in ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
        if message.HasField(name)
    }
    return BatchingParameters(**given, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
