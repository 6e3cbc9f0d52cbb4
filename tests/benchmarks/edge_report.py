"""What `make bench-edge` keeps and shows."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.measure import figures, machine
from tests.benchmarks.noise import noise, said
from tests.benchmarks.report import Sheet, keep_report, keep_samples, plot, show

NAME = "edge"
RUNGS = ("direct_grpc", "tls_echo", "grpc_edge", "https_edge", "https_legacy")
TARGETS = {
    "https_over_direct": 2.0,
    "https_over_floor": 1.35,
    "grpc_over_direct": 1.6,
    "rows_35040_extra_ms": 10.0,
    "gateway_rss_mb": 150.0,
    "gateway_ready_s": 2.0,
}
PARTS = (
    *("TLS and HTTP", "multipart", "token", "parse", "features"),
    *("hop out", "model", "hop back", "reply", "rest"),
)
"""Of the time a call takes, in the order it is spent; the rest is spent all along."""
DERIVED = {"hop out", "hop back", "rest"}
"""Not measured: what is left of a measured whole when its measured parts are taken off."""


def report(
    samples_s: Mapping[str, Sequence[float]],
    parts_s: Mapping[str, Sequence[float]],
    starts_s: Sequence[float],
    *,
    gateway_rss_mb: float,
    n: int,
) -> None:
    """Print the tables, keep report, samples and plot."""
    p50_ms = {name: figures(samples)["p50_ms"] for name, samples in samples_s.items()}
    parts_ms = {name: figures(samples)["p50_ms"] for name, samples in parts_s.items()}
    floor_ms = p50_ms["tls_echo"] + p50_ms["direct_grpc"]
    found = {
        **{f"{name}_p50_ms": p50_ms[name] for name in RUNGS},
        "grpc_over_direct": round(p50_ms["grpc_edge"] / p50_ms["direct_grpc"], 3),
        "https_over_direct": round(p50_ms["https_edge"] / p50_ms["direct_grpc"], 3),
        "https_over_floor": round(p50_ms["https_edge"] / floor_ms, 3),
        "rows_35040_extra_ms": round(p50_ms["https_35040"] - p50_ms["https_672"], 4),
        "gateway_rss_mb": round(gateway_rss_mb, 1),
        "gateway_ready_s": round(statistics.median(starts_s), 3),
    }
    kept = {
        **samples_s,
        **{f"part_{name}": part for name, part in parts_s.items()},
        "gateway_ready": starts_s,
    }
    samples_file = keep_samples(NAME, kept)
    report_file = keep_report(
        NAME, {"machine": machine(), "n": n, **found, "samples_file": str(samples_file)}
    )
    spent = _spent(p50_ms, parts_ms)
    with plot(NAME, width=10) as (plotted, (axes,)):
        _draw(axes, spent)
    rows = {
        name: [f"{value:.3f}", f"{TARGETS[name]:g}" if name in TARGETS else "", _verdict(name, value)]
        for name, value in found.items()
    }
    part_rows = {
        f"{part} (derived)" if part in DERIVED else part: [
            f"{call[part]:.3f}" if part in call else "" for call in spent.values()
        ]
        for part in PARTS
    }
    part_rows["all"] = [f"{sum(call.values()):.3f}" for call in spent.values()]
    sheets = [
        Sheet(("one week to the compiled GRU", "here", "at most", ""), rows),
        Sheet(("ms spent on", *spent), part_rows),
    ]
    show(
        NAME,
        sheets,
        said(noise({name: samples_s[name] for name in RUNGS})),
        [report_file, samples_file, plotted],
    )


def _verdict(name: str, value: float) -> str:
    if name not in TARGETS:
        return ""
    return "met" if value <= TARGETS[name] else "missed"


def _spent(p50_ms: Mapping[str, float], parts_ms: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Where the median time of a call by each way goes, ms.

    The way back from the model server is taken to be half of a call that carries nothing.
    """
    model, back = parts_ms["model"], parts_ms["empty_hop"] / 2
    ahead = {name: parts_ms[name] for name in ("token", "parse", "features")}
    hop = {"hop out": parts_ms["hop"] - model - back, "model": model, "hop back": back}
    http = {"TLS and HTTP": p50_ms["tls_echo"]}
    reply = {"reply": parts_ms["postprocess"] + parts_ms["reply"]}
    calls = {
        "direct_grpc": {"model": model, "hop back": back, "hop out": p50_ms["direct_grpc"] - model - back},
        "grpc_edge": {**ahead, **hop, "reply": parts_ms["postprocess"] + parts_ms["rpc_reply"]},
        "https_edge": {**http, **ahead, **hop, **reply},
        "https_legacy": {
            **http,
            "multipart": parts_ms["multipart"],
            **ahead,
            **hop,
            "reply": parts_ms["postprocess"],
        },
    }
    for name, call in calls.items():
        call["rest"] = p50_ms[name] - sum(call.values())
    return calls


def _draw(axes: Any, spent: Mapping[str, Mapping[str, float]]) -> None:
    """One bar for each way, its parts side by side; what is derived is hatched."""
    names = list(reversed(spent))
    left = dict.fromkeys(names, 0.0)
    for i, part in enumerate(PARTS):
        widths = [max(spent[name].get(part, 0.0), 0.0) for name in names]
        axes.barh(
            names,
            widths,
            left=[left[name] for name in names],
            label=f"{part} (derived)" if part in DERIVED else part,
            color="lightgrey" if part == "rest" else f"C{i}",
            hatch="///" if part in DERIVED else None,
            edgecolor="white",
        )
        for name, width in zip(names, widths, strict=True):
            left[name] += width
    axes.set(xlabel="ms", title="Where the time of one forecast goes, medians")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
