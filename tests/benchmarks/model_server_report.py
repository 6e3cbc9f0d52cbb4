"""What `make bench-model-server` keeps and shows."""

from collections.abc import Mapping, Sequence

from tests.benchmarks.closed_loop import Load
from tests.benchmarks.measure import figures, machine
from tests.benchmarks.noise import noise, said
from tests.benchmarks.report import Sheet, draw_boxes, keep_report, keep_samples, plot, show

NAME = "model-server"
OWN = ("in_process", "grpc", "rest")


def report(
    latencies_s: Mapping[str, Sequence[float]],
    loads: Mapping[str, Load],
    *,
    model: str,
    signature: str,
    n: int,
    engines: Sequence[str],
    missing: Mapping[str, str],
) -> None:
    """Print the tables, keep report, samples and plot; `missing` says why an engine was not measured."""
    found = {name: figures(samples) for name, samples in latencies_s.items()}
    p50_ms = {name: values["p50_ms"] for name, values in found.items()}
    throughput = {name: load.figures() for name, load in loads.items()}
    one, many = throughput["alone_1"], throughput["batched_32"]
    samples_file = keep_samples(
        NAME, {**latencies_s, **{name: load.latencies_s for name, load in loads.items()}}
    )
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": model,
            "signature": signature,
            "n": n,
            **{f"{name}_p50_ms": p50_ms[name] for name in OWN},
            "grpc_over_in_process": round(p50_ms["grpc"] / p50_ms["in_process"], 3),
            "engines": {name: found.get(name, {"missing": missing.get(name)}) for name in engines},
            **{
                f"{name}_over_grpc": round(p50_ms[name] / p50_ms["grpc"], 3) if name in p50_ms else None
                for name in engines
            },
            "throughput": throughput,
            "batched_32_over_1": round(many["requests_per_s"] / one["requests_per_s"], 3),
            "batched_32_p99_over_1_p50": round(many["p99_ms"] / one["p50_ms"], 3),
            "latencies": found,
            "samples_file": str(samples_file),
        },
    )
    with plot(NAME, width=10, panels=2) as (plotted, (left, right)):
        draw_boxes(left, latencies_s, f"One window to the {model}", showfliers=False)
        right.barh(list(throughput), [values["requests_per_s"] for values in throughput.values()])
        right.set(xlabel="requests/s", title="Server and callers")
    rows = {
        name: [
            *(f"{values[f'{column}_ms']:.2f}" for column in ("p50", "p95", "p99")),
            f"{values['p50_ms'] / p50_ms['grpc']:.2f}",
        ]
        for name, values in found.items()
    } | {name: ["-"] * 4 for name in missing}
    load_rows = {
        name.replace("_", ", "): [f"{value:.1f}" for value in values.values()]
        for name, values in throughput.items()
    }
    sheets = [
        Sheet(("one window, ms", "p50", "p95", "p99", "p50 over grpc"), rows),
        Sheet(("callers", "requests/s", "p50 ms", "p99 ms"), load_rows),
    ]
    told = [*(f"{name} {reason}" for name, reason in missing.items()), *said(noise(latencies_s))]
    show(NAME, sheets, told, [kept, samples_file, plotted])
