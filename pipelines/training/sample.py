"""The sample file: two weeks of generated load as a meter's export looks."""

from datetime import datetime
from pathlib import Path

from pipelines.preprocessing.wall_clock import to_local
from pipelines.training.supermarket import SEED, ZONE, supermarket_load

SAMPLE_FILE = Path("samples/supermarket.csv")
FIRST = datetime(2021, 7, 7, 12, tzinfo=ZONE)
"""After all that the shipped models were fitted to. The two weeks end at noon, when there is more to forecast
than at night, and no clock changes in them."""
DAYS = 14


def write_sample(file: Path) -> None:
    """Write the two weeks from FIRST; times by the store's clock, without an offset, as in the thesis."""
    series = supermarket_load(FIRST, DAYS, seed=SEED + 1)
    clock = to_local(series.times_s, ZONE).astype("datetime64[s]")
    lines = [
        f"{str(time).replace('T', ' ')},{kw:.4f}\n"
        for time, kw in zip(clock, series.kw.tolist(), strict=True)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("Datum,Wert (kW)\n" + "".join(lines))
