"""The fault report: a row for each fault, in build/faults.json."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tests.data import REPOSITORY
from tests.integration.faults.callers import Outcome

LONG = os.environ.get("FAULTS_LONG") == "1"
"""Whether faults last as long as the report is to tell of (`make faults`), or a part of it (`make test`)."""

FILE = REPOSITORY / "build" / "faults.json"


def add_row(
    fault: str, outcomes: Sequence[Outcome], *, recovered_s: float | None = None, **more: Any
) -> dict[str, Any]:
    """Write what became of the calls under a fault, in place of an earlier row of the same fault.

    `p99_ms` is of all calls that ended; `recovered_s` is from the fault's end to the first answer.
    """
    results = Counter(outcome.result for outcome in outcomes)
    row = {
        "fault": fault,
        "calls": len(outcomes),
        "answered": results["answered"],
        "refused_cleanly": results["refused cleanly"],
        "failed": results["failed"],
        "lost": results["lost"],
        "p99_ms": percentile_ms(outcomes, 99),
        "recovered_s": None if recovered_s is None else round(recovered_s, 2),
        "codes": dict(sorted(Counter(f"{outcome.edge} {outcome.code}" for outcome in outcomes).items())),
        "failures": dict(
            Counter(
                f"{outcome.edge} {outcome.code}: {outcome.detail[:120]}"
                for outcome in outcomes
                if outcome.result in {"failed", "lost"}
            ).most_common(12)
        ),
        **more,
    }
    rows = json.loads(FILE.read_text()) if FILE.exists() else []
    rows = [each for each in rows if each["fault"] != fault] + [row]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(rows, indent=2) + "\n")
    return row


def percentile_ms(outcomes: Iterable[Outcome], percent: float) -> float | None:
    """Of the time the calls took; lost ones took none that is known."""
    took = [outcome.took_s * 1e3 for outcome in outcomes if outcome.result != "lost"]
    return round(float(np.percentile(took, percent)), 1) if took else None
