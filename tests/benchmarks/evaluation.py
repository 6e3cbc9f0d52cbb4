"""`make report`: docs/evaluation.md of what the benchmarks kept when each was run last.

It has their tables and plots, on what machine and with what versions they were made, and what the method
cannot tell; the samples go with it, compressed.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.report import OUT

PAGE = Path("docs") / "evaluation.md"
FILES = Path("docs") / "evaluation"
"""Plots and samples."""


class Part(NamedTuple):
    """A section of the page."""

    name: str
    """Of the benchmark: `make bench-NAME`."""
    title: str
    limits: str
    """What its method cannot tell."""


PARTS = (
    Part(
        "frameworks",
        "The thesis' designs and today's field (Table 6.1)",
        "One caller, who waits; every server has the machine to itself while it is timed, though all are "
        "up. Engines are set up for that: one model, one process where they can, no log of requests. All "
        "run the same SavedModel by the same TensorFlow. A Triton of NVIDIA's image has other backends "
        "(ONNX, say) that are not measured. Start-up is that of what holds the model, from nothing to "
        "its first answer.",
    ),
    Part(
        "grpc-vs-http",
        "gRPC and HTTP/JSON to the same model server (Table 6.2)",
        "Client and server are Python and share the machine. What is called transport and server is a "
        "call that asks for next to nothing; what the server's codec takes is what is left.",
    ),
    Part(
        "wan",
        "From far away (Table 6.3)",
        "Links are made, not met: delays are drawn evenly, losses are independent, and no other traffic "
        "queues. The thesis' figures are from Azure, of other models on other machines: only what a "
        "distance adds can be compared.",
    ),
    Part("edge", "What the door costs", "One caller, who waits, on the same machine."),
    Part(
        "load",
        "As load rises, and beyond",
        "Callers, gateways and model servers share the machine's processors, so more of them gain less "
        "than they would on machines of their own, and callers who cannot keep up show as latency.",
    ),
    Part("fleet", "Ten thousand meters in one stream", "The one caller shares the machine."),
    Part(
        "model-server", "The model server alone", "One caller at a time for latencies, on the same machine."
    ),
    Part("logins", "Logins", "Callers share the machine."),
)

_HEAD = """\
# Evaluation

Every table of the thesis, and what it did not measure, on one machine. `make report` writes this page of what
`make bench-...` kept; nothing in it is typed by hand. Ratios within a run carry over to other machines better
than milliseconds do: run it on yours. The thesis' figures are beside ours where it has any; its machine and
models were others, so compare how designs stand to each other.
"""


def main() -> None:
    """Write the page."""
    kept = {
        part: json.loads((OUT / f"{part.name}.json").read_text())
        for part in PARTS
        if all((OUT / f"{part.name}.{kind}").exists() for kind in ("json", "md", "png"))
    }
    if not kept:
        sys.exit(f"There is nothing in {OUT}: run make bench-frameworks or another first")
    sections = [_section(part, report) for part, report in kept.items()]
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir(parents=True)
    for part, report in kept.items():
        for file in (OUT / f"{part.name}.png", Path(str(report["samples_file"]))):
            shutil.copy(file, FILES)
    PAGE.write_text("\n".join([_HEAD, *sections]))
    missing = [f"make bench-{part.name}" for part in PARTS if part not in kept]
    print(f"{PAGE}, {FILES}" + (f"; not run yet: {', '.join(missing)}" if missing else ""))  # noqa: T201


def _section(part: Part, report: Mapping[str, object]) -> str:
    tables = (OUT / f"{part.name}.md").read_text().strip()
    samples = Path(str(report["samples_file"])).name
    return "\n\n".join(
        [
            f"## {part.title}",
            f"`make bench-{part.name}`{_extent(report)}, on {_machine(report)}.",
            tables,
            f"![{part.title}](evaluation/{part.name}.png)",
            f"Limits: {part.limits} Every sample: [{samples}](evaluation/{samples}).",
            "",
        ]
    )


def _extent(report: Mapping[str, object]) -> str:
    told = {"n": "{} requests of each kind", "seconds": "{} s at each rate"}
    return "".join(f", {text.format(report[key])}" for key, text in told.items() if key in report)


def _machine(report: Mapping[str, object]) -> str:
    machine = report["machine"]
    assert isinstance(machine, dict)
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "tensorflow", "grpcio"))
    return f"{machine['cpus']} x {machine['processor']}, {machine['system']}, {versions}, {machine['at']}"


if __name__ == "__main__":
    main()
