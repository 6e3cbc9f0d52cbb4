"""`make bench-grpc-vs-http`: the thesis' Table 6.2 on this machine.

One model server, one model, one window, over gRPC and over HTTP/JSON by turns, each on a connection
kept open, timed from array to array.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pipelines.preprocessing.features import known_input
from services.local.pair import HOST, PairError, free_ports, running_pair
from tests.benchmarks.measure import OUT, figures, keep_report, keep_samples, machine
from tests.benchmarks.predict_clients import GrpcPredict, HttpPredict

NAME = "grpc-vs-http"
MODEL = "gru"
WARM_UP = 10
THESIS_MS = {"grpc": (617.9, 42.1), "http": (691.3, 87.7)}
"""Mean and standard deviation of the thesis' Table 6.2."""

Call = Callable[[], NDArray[np.float32]]
_CONSOLE = Console()


def main() -> None:
    """Measure, print the table, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-grpc-vs-http", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests over each protocol (default: 100)")
    n = parser.parse_args().n
    if n < 1:
        parser.error("--n must be at least 1")
    ports = free_ports(rest=True)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            _CONSOLE.status("Starting") as status,
            running_pair(Path(folder), ports, Path("models"), progress=status.update),
            GrpcPredict(f"{HOST}:{ports.model_server}") as rpc,
            HttpPredict(HOST, ports.model_server_rest) as http,
        ):
            status.stop()
            spec = rpc.spec(MODEL)
            signature = spec.signatures[0]
            window = known_input(spec)
            calls: dict[str, Call] = {
                "grpc": lambda: rpc.predict(MODEL, signature, spec, window),
                "http": lambda: http.predict(MODEL, signature, spec, window),
            }
            samples_s = measure(calls, n)
    except PairError as error:
        sys.exit(str(error))
    report(samples_s, n, signature)


def measure(calls: dict[str, Call], n: int) -> dict[str, list[float]]:
    """Time `n` calls of each, by turns, after some that are not counted; they must answer the same."""
    answers = [call() for _ in range(WARM_UP) for call in calls.values()]
    if any(not np.array_equal(answer, answers[0]) for answer in answers):
        raise RuntimeError("the protocols answer different figures")
    samples_s: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in track(range(n), "Measuring", console=_CONSOLE, transient=True):
        for name in order:
            started = time.perf_counter()
            calls[name]()
            samples_s[name].append(time.perf_counter() - started)
        order.reverse()
    return samples_s


def report(samples_s: dict[str, list[float]], n: int, signature: str) -> None:
    """Print the thesis' table with ours beside it, and keep everything."""
    protocols = {name: figures(samples) for name, samples in samples_s.items()}
    ratio = round(protocols["http"]["p50_ms"] / protocols["grpc"]["p50_ms"], 3)
    samples_file = keep_samples(NAME, samples_s)
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": MODEL,
            "signature": signature,
            "n": n,
            "protocols": protocols,
            "http_over_grpc_p50": ratio,
            "samples_file": str(samples_file),
        },
    )
    plot = OUT / f"{NAME}.png"
    _plot(samples_s, plot)
    _CONSOLE.print(_table(protocols))
    _CONSOLE.print(f"HTTP takes {ratio} times as long as gRPC in the median. {kept}, {samples_file}, {plot}")


def _table(protocols: dict[str, dict[str, float]]) -> Table:
    table = Table(title=f"One window to the {MODEL}, ms")
    table.add_column("protocol")
    for column in ("mean", "std", "p50", "p95", "thesis mean", "thesis std"):
        table.add_column(column, justify="right")
    for name in ("http", "grpc"):
        ours, (thesis_mean, thesis_std) = protocols[name], THESIS_MS[name]
        values = (ours["mean_ms"], ours["std_ms"], ours["p50_ms"], ours["p95_ms"])
        table.add_row(name, *(f"{v:.2f}" for v in values), f"{thesis_mean:.1f}", f"{thesis_std:.1f}")
    return table


def _plot(samples_s: dict[str, list[float]], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    axes.boxplot(
        [np.array(samples) * 1000 for samples in samples_s.values()],
        orientation="horizontal",
        tick_labels=list(samples_s),
    )
    axes.set(xlabel="ms", title=f"One window to the {MODEL}")
    axes.set_xlim(left=0)
    figure.savefig(file, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
