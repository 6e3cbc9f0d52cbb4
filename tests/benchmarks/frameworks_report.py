"""What `make bench-frameworks` keeps and shows."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from tests.benchmarks.engines.engine import ENGINES
from tests.benchmarks.measure import figures, machine
from tests.benchmarks.model_files import COMPILED, FILES, PLAIN
from tests.benchmarks.noise import noise
from tests.benchmarks.report import Sheet, draw_boxes, keep_report, keep_samples, plot, show

NAME = "frameworks"
OURS, REFERENCE = "tfserving", "reference"
THESIS_MS = {
    "tfserving": (2271.0, 1556.0, 3822.0, 559.0),
    "triton": (5327.0, 4331.0, 7971.0, 769.0),
    "bentoml": (3456.0, 1733.0, 6372.0, 1099.0),
}
"""Its Table 6.1: mean, min, max, standard deviation."""
TITLES = {
    "tfserving": "TensorFlow Serving (embedded)",
    "reference": "the same with the compiled model",
    "stock": "TensorFlow Serving (stock)",
    "fastapi": "FastAPI alone",
    "triton": "Triton",
    "bentoml": "BentoML",
    "mlserver": "MLServer",
    "kserve": "KServe",
    "litserve": "LitServe",
    "in_process": "our edge, the model in it",
}

NOT_MEASURED = (
    "TorchServe is not measured: the thesis excluded it, as it serves no TensorFlow models, and it was "
    "archived in August 2025."
)


class Measured(Protocol):
    """What one design did with one model file."""

    latencies_s: Sequence[float]
    cpu_s: float | None
    memory_bytes: int | None
    start_s: float | None


def report(measured: Mapping[tuple[str, str], Measured], missing: Mapping[str, str], *, n: int) -> None:
    """Print the tables, keep report, samples and plot; `missing` says why an engine was not measured."""
    found = {
        key: {
            **figures(one.latencies_s),
            "cpu_ms": None if one.cpu_s is None else round(one.cpu_s * 1000, 3),
            "memory_mb": None if one.memory_bytes is None else round(one.memory_bytes / 1e6, 1),
            "start_s": None if one.start_s is None else round(one.start_s, 2),
        }
        for key, one in measured.items()
    }
    samples_s = {f"{name}_{kind}": one.latencies_s for (name, kind), one in measured.items()}
    ratios = _ratios(found)
    # Only those of one file took turns.
    unsteady = {kind: what for kind in FILES if (what := noise(_of(measured, kind)))}
    samples_file = keep_samples(NAME, samples_s)
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": "gru",
            "n": n,
            "engines": {
                name: {
                    "version": _version(name),
                    **{kind: found[name, kind] for kind in FILES if (name, kind) in found},
                }
                for name in dict.fromkeys(name for name, _ in found)
            },
            "missing": missing,
            "not_measured": NOT_MEASURED,
            **ratios,
            "noise": unsteady,
            "samples_file": str(samples_file),
        },
    )
    with plot(NAME, width=12, panels=2) as (plotted, panels):
        for panel, kind in zip(panels, FILES, strict=True):
            series = {
                TITLES[name]: one.latencies_s
                for (name, each), one in reversed(measured.items())
                if each == kind
            }
            if series:
                draw_boxes(panel, series, f"A week to the GRU, {_told(kind)}")
    sheets = []
    for kind in FILES:
        rows = {TITLES[name]: _row(name, one) for (name, each), one in found.items() if each == kind}
        columns = ("", "mean", "min", "max", "std", "p50", "p99", "cpu", "MB", "start s")
        columns = (*columns, "thesis: mean", "min", "max", "std")
        sheets.append(Sheet(columns, rows, f"ms, {_told(kind)}"))
    told = [
        *(f"{name} {why}" for name, why in missing.items()),
        NOT_MEASURED,
        "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in ratios.items()),
        *(f"With {_told(kind)}: {what}" for kind, what in unsteady.items()),
    ]
    show(NAME, sheets, list(filter(None, told)), [kept, samples_file, plotted])


def _of(measured: Mapping[tuple[str, str], Measured], kind: str) -> dict[str, Sequence[float]]:
    """The samples with one file."""
    return {name: one.latencies_s for (name, each), one in measured.items() if each == kind}


def _told(kind: str) -> str:
    return {PLAIN: "the model as Keras exports it", COMPILED: "the compiled model"}[kind]


def _row(name: str, one: Mapping[str, float]) -> list[str]:
    columns = ("mean", "min", "max", "std", "p50", "p99")
    ms = [f"{one[f'{column}_ms']:.1f}" for column in columns]
    rest = [
        "-" if one[key] is None else f"{one[key]:,.{digits}f}"
        for key, digits in (("cpu_ms", 1), ("memory_mb", 0), ("start_s", 1))
    ]
    thesis = [f"{value:,.0f}" for value in THESIS_MS.get(name, ())] or [""] * 4
    return [*ms, *rest, *thesis]


def _ratios(found: Mapping[tuple[str, str], Mapping[str, float]]) -> dict[str, float]:
    """Means, over ours with the compiled model, which took turns with those it is compared to."""
    ours = {PLAIN: found.get((REFERENCE, PLAIN)), COMPILED: found.get((OURS, COMPILED))}
    return {
        f"{name}_{kind}_over_{OURS}_{COMPILED}": round(one["mean_ms"] / base["mean_ms"], 3)
        for (name, kind), one in found.items()
        if (base := ours[kind]) and base is not one
    }


def _version(name: str) -> str | None:
    """Of an engine that has a lock file, the version that is in it."""
    if name not in ENGINES:
        return None
    package = {"triton": "nvidia-pytriton"}.get(name, name)
    found = re.search(rf"^{package}==([\w.]+)", ENGINES[name].lock.read_text(), re.MULTILINE)
    return found[1] if found else None
