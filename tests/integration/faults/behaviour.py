"""What a misbehaving model server can be told, and what it tells of its calls."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["window", "known", "spec", "status"]
"""A call with a caller's window, with the known request, for the forecast spec, for the model's status."""

KW_PER_VERSION = 1000.0
"""What each version after the first forecasts more than the loads before."""


@dataclass(frozen=True)
class Behaviour:
    """How calls are answered; by default well and at once."""

    delay_s: float = 0.0
    """Answers come so much later."""
    hang: bool = False
    """There is no answer at all."""
    code: str | None = None
    """Name of the gRPC status answered instead of a forecast, e.g. UNAVAILABLE."""
    details: str = "told to fail"
    """The words of that status."""
    pushback_ms: int | None = None
    """`grpc-retry-pushback-ms` of that status."""
    answer: Literal["forecast", "wrong shape", "nan"] = "forecast"
    times: int | None = None
    """So many calls are answered like this, further ones well; None: all."""
    every: int = 1
    """Every so many calls only."""
    everything: bool = False
    """Not only callers' windows, but what the gateway asks for itself."""


@dataclass(frozen=True)
class Call:
    """A call as the model server saw it. Times are of the clock that all processes share (time.monotonic)."""

    kind: Kind
    model: str
    version: int
    peer: str
    """Address of the gateway's end of the connection."""
    began_s: float
    deadline_s: float | None
    """Time it was given."""
    took_s: float | None = None
    """None while it goes on."""
    was_cancelled: bool = False
    """The caller went away or its time was up."""


@dataclass(frozen=True)
class Record:
    """The calls of one model server since it was told to forget."""

    calls: tuple[Call, ...]
    peak: int
    """Most calls with callers' windows at a time."""

    @property
    def windows(self) -> list[Call]:
        """The calls with callers' windows."""
        return [call for call in self.calls if call.kind == "window"]
