"""`make bench-grpc-vs-http`: the thesis' Table 6.2 on this machine.

One model server, one model, one window, over gRPC and over HTTP/JSON by turns, each on a connection
kept open, timed from array to array.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich import get_console

from pipelines.preprocessing.features import known_input
from services.local.pair import HOST
from tests.benchmarks.measure import Call, by_turns, figures, machine
from tests.benchmarks.predict_clients import GrpcPredict, HttpPredict
from tests.benchmarks.report import draw_boxes, keep_report, keep_samples, plot, table
from tests.benchmarks.servers import MODEL, StartError, model_server

NAME = "grpc-vs-http"
THESIS_MS = {"grpc": (617.9, 42.1), "http": (691.3, 87.7)}
"""Mean and standard deviation of the thesis' Table 6.2."""


def main() -> None:
    """Measure, print the table, keep report, samples and plot."""
    parser = argparse.ArgumentParser(prog="make bench-grpc-vs-http", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="requests over each protocol (default: 100)")
    n = parser.parse_args().n
    if n < 1:
        parser.error("--n must be at least 1")
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            get_console().status("Starting") as status,
            model_server(Path(folder) / "server.log") as (grpc_port, rest_port),
            GrpcPredict(f"{HOST}:{grpc_port}") as rpc,
            HttpPredict(HOST, rest_port) as http,
        ):
            status.stop()
            spec = rpc.spec(MODEL)
            signature = spec.signatures[0]
            window = known_input(spec)
            calls: dict[str, Call] = {
                "grpc": lambda: rpc.predict(MODEL, signature, spec, window),
                "http": lambda: http.predict(MODEL, signature, spec, window),
            }
            samples_s = by_turns(calls, n)
    except StartError as error:
        sys.exit(f"The model server did not start:\n{error}")
    _report(samples_s, n, signature)


def _report(samples_s: dict[str, list[float]], n: int, signature: str) -> None:
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
    with plot(NAME, width=6) as (plotted, (axes,)):
        draw_boxes(axes, samples_s, f"One window to the {MODEL}")
    rows = {}
    for name in ("http", "grpc"):
        ours = [protocols[name][column] for column in ("mean_ms", "std_ms", "p50_ms", "p95_ms")]
        rows[name] = [*(f"{ms:.2f}" for ms in ours), *(f"{ms:.1f}" for ms in THESIS_MS[name])]
    columns = ("protocol", "mean", "std", "p50", "p95", "thesis mean", "thesis std")
    console = get_console()
    console.print(table(columns, rows, title=f"One window to the {MODEL}, ms"))
    console.print(
        f"HTTP takes {ratio} times as long as gRPC in the median. {kept}, {samples_file}, {plotted}"
    )


if __name__ == "__main__":
    main()
