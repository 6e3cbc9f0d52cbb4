"""Servers under load: so many callers at once, each asking again once it has its answer."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from rich.progress import track

from tests.benchmarks.measure import Call, figures

ROUNDS = 5
"""A load's requests are spread over so many rounds: what else the machine does hits all alike."""
WARM_UP = 100


class Load:
    """What some concurrent callers got of one server."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.seconds = 0.0

    def figures(self) -> dict[str, float]:
        """Requests a second, and percentiles of their latency, ms."""
        found = figures(self.latencies_s)
        rate = round(len(self.latencies_s) / self.seconds, 1)
        return {"requests_per_s": rate, "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"]}


def under_load(calls: Mapping[str, Call], callers: Sequence[int], n: int) -> dict[str, Load]:
    """`n` of each call by each number of callers, in rounds by turns; the keys are CALL_CALLERS."""
    kinds = [(name, many) for name in calls for many in callers]
    loads = {f"{name}_{many}": Load() for name, many in kinds}
    with ThreadPoolExecutor(max(callers)) as pool:
        for call in calls.values():
            _run(pool, max(callers), call, WARM_UP, Load())
        rounds = list(chain.from_iterable(kinds if i % 2 else reversed(kinds) for i in range(ROUNDS)))
        for name, many in track(rounds, "Under load", transient=True):
            _run(pool, many, calls[name], n // ROUNDS, loads[f"{name}_{many}"])
    return loads


def _run(pool: ThreadPoolExecutor, callers: int, call: Call, n: int, load: Load) -> None:
    """`n` calls by so many callers, added to what the load has."""
    tickets = iter(range(n))
    taking = threading.Lock()

    def caller() -> None:
        while True:
            with taking:
                if next(tickets, None) is None:
                    return
            started = time.perf_counter()
            call()
            load.latencies_s.append(time.perf_counter() - started)

    started = time.perf_counter()
    for future in [pool.submit(caller) for _ in range(callers)]:
        future.result()
    load.seconds += time.perf_counter() - started
