"""What `make bench-load` keeps and shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.benchmarks.measure import machine
from tests.benchmarks.noise import STEADY, said
from tests.benchmarks.open_loop import Point
from tests.benchmarks.report import Sheet, keep_report, keep_samples, plot, show

NAME = "load"


class Way(Protocol):
    """One way to a forecast, measured."""

    capacities_per_s: tuple[float, float]
    points: tuple[Point, ...]


Key = tuple[str, str]
"""A setup's name, and a way's."""


def report(measured: Mapping[Key, Way], *, seconds: float) -> None:
    """Print the tables, keep report, samples and plots."""
    samples_s = {
        f"{setup}, {way}, {point.offered_per_s:.0f}/s": point.latencies_s
        for (setup, way), found in measured.items()
        for point in found.points
    }
    setups: dict[str, dict[str, object]] = {}
    for (setup, way), found in measured.items():
        setups.setdefault(setup, {})[way] = {
            "capacity_per_s": round(max(found.capacities_per_s), 1),
            "points": [point.figures() for point in found.points],
        }
    gains = _gains(measured)
    unsteady = _unsteady(measured)
    samples_file = keep_samples(NAME, samples_s)
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": "gru",
            "seconds": seconds,
            "setups": setups,
            "capacity_over_first": gains,
            "noise": unsteady,
            "samples_file": str(samples_file),
        },
    )
    sheets = [_table(setup, way, found) for (setup, way), found in measured.items()]
    told = [*(f"{name}: {gain} times the capacity" for name, gain in gains.items()), *said(unsteady)]
    show(NAME, sheets, told, [kept, samples_file, _plotted(measured)])


def _table(setup: str, way: str, found: Way) -> Sheet:
    rows = {}
    for point in found.points:
        told = point.figures()
        rows[f"{point.offered_per_s:.0f}"] = [
            f"{point.goodput_per_s:.0f}",
            *(f"{told[key]:.1f}" if key in told else "-" for key in ("p50_ms", "p99_ms", "p999_ms")),
            ", ".join(f"{count} {result}" for result, count in sorted(point.results.items())),
        ]
    title = f"{setup}, {way}: {max(found.capacities_per_s):.0f} a second by callers who wait"
    return Sheet(
        ("due a second", "answered", "p50 ms", "p99 ms", "p99.9 ms", "what became of them"), rows, title
    )


def _gains(measured: Mapping[Key, Way]) -> dict[str, float]:
    """Capacities over those of the first setup, by the same way."""
    first = next(iter(measured))[0]
    return {
        f"{setup}, {way}": round(max(found.capacities_per_s) / max(measured[first, way].capacities_per_s), 3)
        for (setup, way), found in measured.items()
        if setup != first and (first, way) in measured
    }


def _unsteady(measured: Mapping[Key, Way]) -> str | None:
    """What to say where a way could do less or more after its load than before."""
    drifts = {
        key: max(way.capacities_per_s) / max(min(way.capacities_per_s), 1e-9) - 1
        for key, way in measured.items()
    }
    (setup, way), drift = max(drifts.items(), key=lambda one: one[1])
    if drift <= STEADY:
        return None
    return (
        f"The machine is too noisy: what {way} can do with {setup} differs by {drift:.0%} before and after "
        f"its load ({STEADY:.0%} is steady). Run it again with nothing else at work, or for longer."
    )


def _plotted(measured: Mapping[Key, Way]) -> Path:
    first = next(iter(measured))[0]
    with plot(NAME, width=13, panels=3) as (plotted, (goodput, tail, capacity)):
        for (setup, way), found in measured.items():
            if setup != first:
                continue
            shares = [point.offered_per_s / found.capacities_per_s[0] for point in found.points]
            goodput.plot(
                shares,
                [one.goodput_per_s / found.capacities_per_s[0] for one in found.points],
                "o-",
                label=way,
            )
            told = [one.figures() for one in found.points]
            answered = [
                (share, one["p99_ms"]) for share, one in zip(shares, told, strict=True) if "p99_ms" in one
            ]
            tail.plot(*zip(*answered, strict=True), "o-", label=way)
        goodput.set(xlabel="due, of capacity", ylabel="answered, of capacity", title="Beyond what it can do")
        tail.set(xlabel="due, of capacity", ylabel="p99, ms", yscale="log", title="The tail")
        capacity.barh(
            [f"{setup}, {way}" for setup, way in reversed(measured)],
            [max(found.capacities_per_s) for found in reversed(measured.values())],
        )
        capacity.set(xlabel="answered a second", title="By callers who wait")
        goodput.legend(fontsize="small")
    return plotted
