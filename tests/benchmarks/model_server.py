"""`make bench-model-server`: what the embedded model server costs over the model itself.

One window to the compiled GRU in process, over gRPC and over REST by turns; then 1 and 32 concurrent callers
over gRPC, with and without batching, in rounds by turns.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.preprocessing.features import known_input
from pipelines.spec import ForecastSpec
from services.local.pair import HOST, free_ports
from tests.benchmarks.measure import OUT, figures, keep_report, keep_samples, machine
from tests.benchmarks.predict_clients import GrpcPredict, HttpPredict

NAME = "model-server"
MODEL = "gru"
SIGNATURE = "compiled"
MODELS = Path("models")
BATCHING = Path("services") / "serving" / "config" / "batching.config"
WARM_UP = 10
CALLERS = (1, 32)
ROUNDS = 5
"""A mode's requests are spread over so many rounds: what else the machine does hits all alike."""
START_TIMEOUT_S = 60

Call = Callable[[], NDArray[np.float32]]
_CONSOLE = Console()


def main() -> None:
    """Measure, print the tables, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-model-server", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="requests of each kind (default: 1000)")
    n = parser.parse_args().n
    if n < ROUNDS:
        parser.error(f"--n must be at least {ROUNDS}")
    from services.serving.saved_model import SavedModel

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with _CONSOLE.status("Starting"):
            alone = stack.enter_context(_server(Path(folder) / "alone.log"))
            batched = stack.enter_context(
                _server(
                    Path(folder) / "batched.log",
                    "--enable_batching",
                    f"--batching_parameters_file={BATCHING}",
                )
            )
            model = SavedModel(MODELS / MODEL / "1")
            rpc = stack.enter_context(GrpcPredict(f"{HOST}:{alone[0]}"))
            rest = stack.enter_context(HttpPredict(HOST, alone[1]))
            spec = rpc.spec(MODEL)
        window = known_input(spec)
        calls: dict[str, Call] = {
            "in_process": lambda: model.run(SIGNATURE, {spec.input: window})[spec.output],
            "grpc": lambda: rpc.predict(MODEL, SIGNATURE, spec, window),
            "rest": lambda: rest.predict(MODEL, SIGNATURE, spec, window),
        }
        latencies_s = _by_turns(calls, n)
        targets = {"alone": f"{HOST}:{alone[0]}", "batched": f"{HOST}:{batched[0]}"}
        loads = _loads(targets, spec, window, n)
    _report(latencies_s, loads, n)


@contextlib.contextmanager
def _server(log: Path, *flags: str) -> Iterator[tuple[int, int]]:
    """A model server that answers, and its ports of gRPC and REST."""
    import grpc

    ports = free_ports(rest=True)
    arguments = [
        f"--bind_address={HOST}",
        f"--port={ports.model_server}",
        f"--rest_api_port={ports.model_server_rest}",
        f"--model_name={MODEL}",
        f"--model_base_path={(MODELS / MODEL).absolute()}",
        *flags,
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.serving", *arguments], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        with grpc.insecure_channel(f"{HOST}:{ports.model_server}") as channel:
            try:
                grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
            except grpc.FutureTimeoutError:
                sys.exit(f"The model server did not start:\n{log.read_text()}")
        yield ports.model_server, ports.model_server_rest
    finally:
        process.terminate()
        process.wait()


def _by_turns(calls: dict[str, Call], n: int) -> dict[str, list[float]]:
    """Time `n` calls of each, by turns, after some that are not counted; they must answer the same."""
    answers = [call() for _ in range(WARM_UP) for call in calls.values()]
    for answer in answers:
        np.testing.assert_array_equal(answer, answers[0])
    samples_s: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in track(range(n), "One at a time", console=_CONSOLE, transient=True):
        for name in order:
            started = time.perf_counter()
            calls[name]()
            samples_s[name].append(time.perf_counter() - started)
        order.reverse()
    return samples_s


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


def _loads(
    targets: dict[str, str], spec: ForecastSpec, window: NDArray[np.float32], n: int
) -> dict[str, Load]:
    loads = {f"{name}_{callers}": Load() for name in targets for callers in CALLERS}
    kinds = [(name, callers) for name in targets for callers in CALLERS]
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(GrpcPredict(target)) for name, target in targets.items()}
        pool = stack.enter_context(ThreadPoolExecutor(max(CALLERS)))
        for client in clients.values():
            _load(
                pool, max(CALLERS), lambda client=client: client.predict(MODEL, SIGNATURE, spec, window), 100
            )
        rounds = list(chain.from_iterable(kinds if i % 2 else reversed(kinds) for i in range(ROUNDS)))
        for name, callers in track(rounds, "Under load", console=_CONSOLE, transient=True):
            client = clients[name]
            load = _load(
                pool,
                callers,
                lambda client=client: client.predict(MODEL, SIGNATURE, spec, window),
                n // ROUNDS,
            )
            loads[f"{name}_{callers}"].latencies_s += load.latencies_s
            loads[f"{name}_{callers}"].seconds += load.seconds
    return loads


def _load(pool: ThreadPoolExecutor, callers: int, call: Call, n: int) -> Load:
    """`n` calls by so many callers, each asking again once it has its answer."""
    load = Load()
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
    load.seconds = time.perf_counter() - started
    return load


def _report(latencies_s: dict[str, list[float]], loads: dict[str, Load], n: int) -> None:
    p50_ms = {name: figures(samples)["p50_ms"] for name, samples in latencies_s.items()}
    throughput = {name: load.figures() for name, load in loads.items()}
    one = throughput["alone_1"]
    samples_file = keep_samples(NAME, latencies_s | {name: load.latencies_s for name, load in loads.items()})
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": MODEL,
            "signature": SIGNATURE,
            "n": n,
            **{f"{name}_p50_ms": value for name, value in p50_ms.items()},
            "grpc_over_in_process": round(p50_ms["grpc"] / p50_ms["in_process"], 3),
            "throughput": throughput,
            "batched_32_over_1": round(throughput["batched_32"]["requests_per_s"] / one["requests_per_s"], 3),
            "batched_32_p99_over_1_p50": round(throughput["batched_32"]["p99_ms"] / one["p50_ms"], 3),
            "latencies": {name: figures(samples) for name, samples in latencies_s.items()},
            "samples_file": str(samples_file),
        },
    )
    plot = OUT / f"{NAME}.png"
    _plot(latencies_s, throughput, plot)
    _CONSOLE.print(_latency_table(latencies_s), _load_table(throughput))
    _CONSOLE.print(f"{kept}, {samples_file}, {plot}")


def _latency_table(latencies_s: dict[str, list[float]]) -> Table:
    table = Table("one window, ms", *(column for column in ("p50", "p95", "p99")))
    for name, samples in latencies_s.items():
        found = figures(samples)
        table.add_row(name, *(f"{found[f'{column}_ms']:.2f}" for column in ("p50", "p95", "p99")))
    return table


def _load_table(throughput: dict[str, dict[str, float]]) -> Table:
    table = Table("callers", "requests/s", "p50 ms", "p99 ms")
    for name, found in throughput.items():
        table.add_row(name.replace("_", ", "), *(f"{value:.1f}" for value in found.values()))
    return table


def _plot(latencies_s: dict[str, list[float]], throughput: dict[str, dict[str, float]], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
    left.boxplot(
        [np.array(samples) * 1000 for samples in latencies_s.values()],
        orientation="horizontal",
        tick_labels=list(latencies_s),
        showfliers=False,
    )
    left.set(xlabel="ms", title=f"One window to the {MODEL}")
    left.set_xlim(left=0)
    right.barh(list(throughput), [found["requests_per_s"] for found in throughput.values()])
    right.set(xlabel="requests/s", title="Server and callers")
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
