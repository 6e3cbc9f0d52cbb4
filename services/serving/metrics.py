"""Counters and histograms in Prometheus' text format, named and bounded as TensorFlow Serving's.

In Prometheus its names have colons for slashes, the first one included, and its counters do not end in
`_total`, which dashboards made for it rely on and Prometheus' own client library does not allow.
"""

import threading
from bisect import bisect_left
from collections.abc import Collection

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_BOUNDS_US = tuple(10 * 1.8**exponent for exponent in range(33))
"""Upper bounds of the latency histograms, microseconds: 10 to 25 minutes."""


class Counter:
    """A number for each combination of label values."""

    def __init__(self, name: str, labels: Collection[str]) -> None:
        """Count under `name`, with slashes, by `labels`."""
        self.name, self._labels = name, labels
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, *values: str) -> None:
        """One more, for these values of the labels."""
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + 1

    def total(self) -> int:
        """The sum over all label values."""
        with self._lock:
            return sum(self._counts.values())

    def lines(self) -> list[str]:
        """The text format."""
        with self._lock:
            counts = dict(self._counts)
        name = _in_prometheus(self.name)
        return [f"# TYPE {name} counter"] + [
            f"{name}{{{_pairs(self._labels, values)}}} {count}" for values, count in counts.items()
        ]


class Histogram:
    """How often which latency, microseconds, for each combination of label values."""

    def __init__(self, name: str, labels: Collection[str]) -> None:
        """Count under `name`, with slashes, by `labels`."""
        self._name, self._labels = _in_prometheus(name), labels
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, latency_s: float, *values: str) -> None:
        """One more, for these values of the labels."""
        latency_us = latency_s * 1e6
        with self._lock:
            counts = self._counts.setdefault(values, [0] * (len(LATENCY_BOUNDS_US) + 1))
            counts[bisect_left(LATENCY_BOUNDS_US, latency_us)] += 1
            self._sums[values] = self._sums.get(values, 0.0) + latency_us

    def lines(self) -> list[str]:
        """The text format."""
        with self._lock:
            series = {values: (list(counts), self._sums[values]) for values, counts in self._counts.items()}
        lines = [f"# TYPE {self._name} histogram"]
        for values, (counts, total) in series.items():
            pairs = _pairs(self._labels, values)
            cumulative = 0
            for bound, count in zip((*LATENCY_BOUNDS_US, float("inf")), counts, strict=True):
                cumulative += count
                shown = "+Inf" if bound == float("inf") else f"{bound:g}"
                lines.append(f'{self._name}_bucket{{{pairs},le="{shown}"}} {cumulative}')
            lines.append(f"{self._name}_sum{{{pairs}}} {total:.0f}")
            lines.append(f"{self._name}_count{{{pairs}}} {cumulative}")
        return lines


def _in_prometheus(name: str) -> str:
    return name.replace("/", ":")


def _pairs(labels: Collection[str], values: tuple[str, ...]) -> str:
    return ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
