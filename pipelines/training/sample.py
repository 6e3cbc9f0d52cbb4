"""The sample file: two weeks of generated load as a meter's export looks."""

from datetime import datetime
from pathlib import Path

import numpy as np

from pipelines.preprocessing.series import LoadSeries
from pipelines.preprocessing.wall_clock import to_local
from pipelines.training.supermarket import ZONE

SAMPLE_FILE = Path("samples/supermarket.csv")
FIRST = datetime(2021, 6, 2, 12, tzinfo=ZONE)
"""Within the test weeks: no shipped model was fitted to it. The two weeks end at noon, when there is more
to forecast than at night, and no clock changes in them."""
_ROWS = 14 * 96


def write_sample(series: LoadSeries, file: Path) -> None:
    """Write the two weeks from FIRST; times by the store's clock, without an offset, as in the thesis."""
    begin = int(np.searchsorted(series.times_s, int(FIRST.timestamp())))
    rows = slice(begin, begin + _ROWS)
    clock = to_local(series.times_s[rows], ZONE).astype("datetime64[s]")
    lines = [
        f"{str(time).replace('T', ' ')},{kw:.4f}\n"
        for time, kw in zip(clock, series.kw[rows].tolist(), strict=True)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("Datum,Wert (kW)\n" + "".join(lines))
