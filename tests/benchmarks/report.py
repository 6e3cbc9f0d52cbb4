"""What benchmarks keep and show: samples and report in files, tables and plots."""

import csv
import gzip
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

OUT = Path(os.environ.get("BENCH_OUT", "build/bench"))
"""Tests name another: what they find is nothing to report."""


def keep_samples(name: str, samples_s: Mapping[str, Sequence[float]]) -> Path:
    """Write every sample, one row each, ms; answers the file."""
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / f"{name}.samples.csv.gz"
    with gzip.open(file, "wt", newline="") as out:
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


class Sheet(NamedTuple):
    """A table of named rows of numbers."""

    columns: Sequence[str]
    """Their heads; the first column is that of the names."""
    rows: Mapping[str, Sequence[str]]
    title: str | None = None

    def drawn(self) -> Table:
        """For a terminal."""
        table = Table(self.columns[0], title=self.title)
        for column in self.columns[1:]:
            table.add_column(column, justify="right")
        for name, cells in self.rows.items():
            table.add_row(name, *cells)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = [
            self.columns,
            ["---", *["---:"] * (len(self.columns) - 1)],
            *([name, *cells] for name, cells in self.rows.items()),
        ]
        head = [f"**{self.title}**", ""] if self.title else []
        return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)])


def show(name: str, sheets: Sequence[Sheet], said: Sequence[str], files: Sequence[Path]) -> None:
    """Print what was found and where it was kept, and write it for `make report`."""
    # What is no terminal has no width that tables would have to keep to.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for sheet in sheets:
        console.print(sheet.drawn())
    for line in said:
        console.print(line, markup=False)
    console.print(", ".join(map(str, files)))
    (OUT / f"{name}.md").write_text("\n\n".join([*(sheet.markdown() for sheet in sheets), *said]) + "\n")


@contextmanager
def plot(name: str, *, width: float, panels: int = 1) -> Iterator[tuple[Path, Sequence[Any]]]:
    """The file of a plot and the axes of its panels to draw on; written in the end."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, panels, figsize=(width, 3), layout="constrained", squeeze=False)
    file = OUT / f"{name}.png"
    yield file, axes[0]
    figure.savefig(file, dpi=150)
    plt.close(figure)


def draw_boxes(axes: Any, samples_s: Mapping[str, Sequence[float]], title: str, **style: Any) -> None:
    """One box for each series, in ms from zero."""
    axes.boxplot(
        [np.array(samples) * 1000 for samples in samples_s.values()],
        orientation="horizontal",
        tick_labels=list(samples_s),
        **style,
    )
    axes.set(xlabel="ms", title=title)
    axes.set_xlim(left=0)
