"""What `make bench-wan` keeps and shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.measure import figures, machine
from tests.benchmarks.noise import noise
from tests.benchmarks.report import Sheet, draw_boxes, keep_report, keep_samples, plot, show
from tests.benchmarks.wan_link import Conditions

NAME = "wan"
THESIS_MS = {
    "thesis, local": (2271.0, 1556.0, 3822.0, 559.0),
    "thesis, Azure": (2859.0, 1690.0, 5380.0, 865.0),
}
"""Its Tables 6.1 and 6.3: mean, min, max, standard deviation of HTTPS calls."""
TITLES = {
    "https_kept": "HTTPS, kept",
    "grpc_kept": "gRPC, kept",
    "https_new": "HTTPS, new each time",
    "grpc_new": "gRPC, new each time",
}
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
COLUMNS = ("mean", "min", "max", "std", "p50", "p99")


def report(
    samples_s: Mapping[str, Mapping[str, Sequence[float]]],
    links: Mapping[str, Conditions | None],
    *,
    n: int,
    how: str,
) -> None:
    """Print the tables, keep report, samples and plot; `how` says what made the links."""
    found = {link: {way: figures(one) for way, one in ways.items()} for link, ways in samples_s.items()}
    flat = {f"{link}: {way}": one for link, ways in samples_s.items() for way, one in ways.items()}
    ratios = {
        link: {
            f"{over}_over_{under}": round(ways[over]["p50_ms"] / ways[under]["p50_ms"], 3)
            for over, under in (
                ("https_new", "https_kept"),
                ("grpc_new", "grpc_kept"),
                ("https_kept", "grpc_kept"),
                ("https_new", "grpc_new"),
            )
        }
        for link, ways in found.items()
    }
    # Ratios are those of ways over one link.
    unsteady = {link: what for link, ways in samples_s.items() if (what := noise(ways))}
    samples_file = keep_samples(NAME, flat)
    kept = keep_report(
        NAME,
        {
            "machine": machine(),
            "model": "gru",
            "n": n,
            "how": how,
            "links": {
                link: {**(conditions._asdict() if conditions else {}), "ways": found[link], **ratios[link]}
                for link, conditions in links.items()
            },
            "noise": unsteady,
            "congestion_control": CONGESTION.read_text().strip() if CONGESTION.exists() else None,
            "samples_file": str(samples_file),
        },
    )
    with plot(NAME, width=4 * len(found), panels=len(found)) as (plotted, panels):
        for panel, (link, ways) in zip(panels, samples_s.items(), strict=True):
            draw_boxes(panel, {TITLES[way]: one for way, one in reversed(ways.items())}, link)
    thesis = {name: [f"{ms:,.0f}" for ms in values] + ["", ""] for name, values in THESIS_MS.items()}
    sheets, told = [], []
    for link, ways in found.items():
        rows = {
            TITLES[way]: [f"{one[f'{column}_ms']:.1f}" for column in COLUMNS] for way, one in ways.items()
        }
        sheets.append(Sheet(("ms", *COLUMNS), rows | thesis, f"{link} ({how})"))
        over = ", ".join(f"{name.replace('_', ' ')} {ratio}" for name, ratio in ratios[link].items())
        told.append(f"{link}: {over}.")
    told += [f"{link}: {what}" for link, what in unsteady.items()]
    if CONGESTION.exists():
        told.append(f"TCP's congestion control here: {CONGESTION.read_text().strip()}.")
    show(NAME, sheets, told, [kept, samples_file, plotted])
