"""What benchmarks share: figures of samples, the machine they were taken on, files to keep them in."""

import csv
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions, version
from pathlib import Path

import numpy as np

OUT = Path("build") / "bench"


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
        "cpus": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": version(packages_distributions()["tensorflow"][0]),
        "grpcio": version("grpcio"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def keep_samples(name: str, samples_s: Mapping[str, Sequence[float]]) -> Path:
    """Write every sample, one row each, ms; answers the file."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{name}.samples.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["series", "index", "ms"])
        for series, samples in samples_s.items():
            writer.writerows([series, i, round(sample * 1000, 4)] for i, sample in enumerate(samples))
    return file


def keep_report(name: str, report: Mapping[str, object]) -> Path:
    """Write a report as JSON; answers the file."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{name}.json"
    file.write_text(json.dumps(report, indent=2) + "\n")
    return file
