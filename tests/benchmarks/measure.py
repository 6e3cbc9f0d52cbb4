"""How benchmarks measure: calls by turns, figures of samples, the machine they were taken on."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import MappingProxyType

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.progress import track

WARM_UP = 10

Call = Callable[[], NDArray[np.float32]]


def by_turns(
    calls: Mapping[str, Call], n: int, *, tolerances: Mapping[str, float] = MappingProxyType({})
) -> dict[str, list[float]]:
    """Time `n` calls of each, by turns, in seconds, after some that are not counted.

    All must answer what the first answers; those with a tolerance, to within that.
    """
    answers = [(name, call()) for _ in range(WARM_UP) for name, call in calls.items()]
    for name, answer in answers:
        allowed = tolerances.get(name, 0.0)
        np.testing.assert_allclose(answer, answers[0][1], rtol=allowed, atol=allowed, err_msg=name)
    samples_s: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in track(range(n), "One at a time", transient=True):
        for name in order:
            started = time.perf_counter()
            calls[name]()
            samples_s[name].append(time.perf_counter() - started)
        order.reverse()
    return samples_s


BURST = 10


def in_bursts(
    calls: Mapping[str, Call], n: int, *, tolerances: Mapping[str, float] = MappingProxyType({})
) -> dict[str, list[float]]:
    """Time `n` calls of each, some at a time, in seconds; otherwise as `by_turns`.

    Calls of many servers one after another would each find the processor's caches full of the others'. Here
    each has them to itself again before it is timed: the first call of a burst is not.
    """
    by_turns(calls, 0, tolerances=tolerances)
    samples_s: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for left in track(range(n, 0, -BURST), "In bursts", transient=True):
        for name in order:
            calls[name]()
            for _ in range(min(left, BURST)):
                started = time.perf_counter()
                calls[name]()
                samples_s[name].append(time.perf_counter() - started)
        order.reverse()
    return samples_s


def cpu_ms(calls: Mapping[str, Call], n: int, server: int | None) -> dict[str, float]:
    """Processor time of one call of each, ms: of this process and, where its id is known, of the server.

    In rounds by turns, as what else the machine does takes none of it but warms and cools caches.
    """
    used = dict.fromkeys(calls, 0.0)
    process = psutil.Process(server) if server else None

    def now() -> float:
        times = process.cpu_times() if process else None
        return time.process_time() + (times.user + times.system if times else 0.0)

    rounds = 5
    for _ in track(range(rounds), "Processor time", transient=True):
        for name, call in calls.items():
            before = now()
            for _ in range(-(-n // rounds)):
                call()
            used[name] += now() - before
    return {name: round(seconds / (rounds * -(-n // rounds)) * 1000, 4) for name, seconds in used.items()}


def figures(samples_s: Sequence[float]) -> dict[str, float]:
    """Mean, deviation, extremes and percentiles of durations, ms."""
    ms = np.asarray(samples_s) * 1000
    p50, p95, p99 = np.percentile(ms, [50, 95, 99])
    values = {
        "mean_ms": ms.mean(),
        "std_ms": ms.std(),
        "min_ms": ms.min(),
        "max_ms": ms.max(),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def machine() -> dict[str, object]:
    """Where and with what it was measured."""
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpus": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": next(map(version, packages_distributions().get("tensorflow", [])), None),
        "grpcio": version("grpcio"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
