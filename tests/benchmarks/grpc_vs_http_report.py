"""What `make bench-grpc-vs-http` keeps and shows."""

from collections.abc import Mapping, Sequence

import numpy as np

from tests.benchmarks.closed_loop import Load
from tests.benchmarks.measure import figures, machine
from tests.benchmarks.noise import noise, said
from tests.benchmarks.report import Sheet, draw_boxes, keep_report, keep_samples, plot, show
from tests.benchmarks.servers import MODEL

NAME = "grpc-vs-http"
PROTOCOLS = ("http", "grpc")
PARTS = ("encode", "empty", "decode", "fresh")
THESIS_MS = {"grpc": (617.9, 42.1), "http": (691.3, 87.7)}
"""Mean and standard deviation of the thesis' Table 6.2."""


def report(
    samples_s: Mapping[str, Sequence[float]],
    parts_s: Mapping[str, Sequence[float]],
    loads: Mapping[str, Load],
    *,
    sizes: Mapping[str, tuple[int, int]],
    cpu: Mapping[str, float],
    of_server: bool,
    signature: str,
    n: int,
) -> None:
    """Print the thesis' table with ours beside it, and keep everything; `cpu` is the client's at least."""
    protocols = {
        name: {
            **figures(samples),
            "request_bytes": sizes[name][0],
            "response_bytes": sizes[name][1],
            "cpu_ms": cpu[name],
        }
        for name, samples in samples_s.items()
    }
    breakdown = {
        name: {f"{part}_ms": _p50_ms(parts_s[f"{name}_{part}"]) for part in PARTS} for name in PROTOCOLS
    }
    concurrency = {name: load.figures() for name, load in loads.items()}
    ratio = round(protocols["http"]["p50_ms"] / protocols["grpc"]["p50_ms"], 3)
    samples_file = keep_samples(
        NAME, {**samples_s, **parts_s, **{name: load.latencies_s for name, load in loads.items()}}
    )
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": MODEL,
            "signature": signature,
            "n": n,
            "protocols": protocols,
            "http_over_grpc_p50": ratio,
            "breakdown": breakdown,
            "concurrency": concurrency,
            "cpu_of": ["client", "server"] if of_server else ["client"],
            "samples_file": str(samples_file),
        },
    )
    with plot(NAME, width=10, panels=2) as (plotted, (left, right)):
        draw_boxes(left, samples_s, f"One window to the {MODEL}")
        _draw_parts(right, protocols, breakdown)
    codec = {name: found["encode_ms"] + found["decode_ms"] for name, found in breakdown.items()}
    sheets = [_thesis_table(protocols), _parts_table(protocols, breakdown), _callers_table(concurrency)]
    told = [
        f"HTTP takes {ratio} times as long as gRPC in the median. JSON takes the client "
        f"{codec['http']:.2f} ms, protocol buffers {codec['grpc']:.2f}.",
        *said(noise(samples_s)),
    ]
    show(NAME, sheets, told, [kept, samples_file, plotted])


def _p50_ms(samples_s: Sequence[float]) -> float:
    return round(float(np.median(samples_s)) * 1000, 4)


def _thesis_table(protocols: Mapping[str, Mapping[str, float]]) -> object:
    rows = {}
    for name in PROTOCOLS:
        ours = [protocols[name][column] for column in ("mean_ms", "std_ms", "p50_ms", "p95_ms", "p99_ms")]
        rows[name] = [*(f"{ms:.2f}" for ms in ours), *(f"{ms:.1f}" for ms in THESIS_MS[name])]
    columns = ("protocol", "mean", "std", "p50", "p95", "p99", "thesis mean", "thesis std")
    return Sheet(columns, rows, title=f"One window to the {MODEL}, ms")


def _parts_table(
    protocols: Mapping[str, Mapping[str, float]], breakdown: Mapping[str, Mapping[str, float]]
) -> object:
    rows = {
        name: [
            *(f"{breakdown[name][f'{part}_ms']:.2f}" for part in PARTS),
            f"{protocols[name]['cpu_ms']:.2f}",
            f"{protocols[name]['request_bytes']:,}",
            f"{protocols[name]['response_bytes']:,}",
        ]
        for name in PROTOCOLS
    }
    columns = ("protocol", "encode", "empty call", "decode", "fresh connection", "cpu", "bytes out", "back")
    return Sheet(columns, rows, title="What it is made of: p50, ms")


def _callers_table(concurrency: Mapping[str, Mapping[str, float]]) -> object:
    rows = {
        name.replace("_", " by "): [f"{found[key]:.1f}" for key in ("requests_per_s", "p50_ms", "p99_ms")]
        for name, found in concurrency.items()
    }
    return Sheet(("callers", "a second", "p50 ms", "p99 ms"), rows, title="At once")


def _draw_parts(
    axes: object,
    protocols: Mapping[str, Mapping[str, float]],
    breakdown: Mapping[str, Mapping[str, float]],
) -> None:
    """Client's codec, a call with nothing in it, and the rest: the server's codec and the model."""
    left = np.zeros(len(PROTOCOLS))
    for part in ("encode", "decode", "empty"):
        width = np.array([breakdown[name][f"{part}_ms"] for name in PROTOCOLS])
        axes.barh(PROTOCOLS, width, left=left, label={"empty": "transport and server"}.get(part, part))
        left += width
    whole = np.array([protocols[name]["p50_ms"] for name in PROTOCOLS])
    axes.barh(PROTOCOLS, np.maximum(whole - left, 0), left=left, label="server's codec and model")
    axes.set(xlabel="ms, p50", title="What it is made of")
    axes.legend(fontsize="small")
