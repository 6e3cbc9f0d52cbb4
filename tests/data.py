"""Series and files that tests are made of."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

REPOSITORY = Path(__file__).parent.parent
MODELS = REPOSITORY / "models"
SAMPLE = REPOSITORY / "samples" / "supermarket.csv"
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
"""Real measurements, where this checkout has them beside it."""

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = timedelta(minutes=15)
MONDAY = datetime(2024, 6, 3, tzinfo=UTC)


def plausible_kw(count: int, *, seed: int = 1) -> list[float]:
    """A load of some daily rhythm, kW, four decimals as meters give."""
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(count) / 96
    return np.round(160 - 60 * np.cos(phase) + random.normal(0, 4, count), 4).tolist()


def frozen_kw(count: int, *, frozen: int = 40) -> list[float]:
    """The same of a meter that shows one value for the last of the steps."""
    kw = plausible_kw(count)
    return kw[:-frozen] + [kw[-frozen]] * frozen


def csv_of(
    times, kw, *, header="Datum,Wert (kW)", time_format="%Y-%m-%d %H:%M:%S", separator=",", mark="."
) -> bytes:
    """A meter file in UTF-8."""
    rows = (
        f"{time.strftime(time_format)}{separator}{str(value).replace('.', mark)}"
        for time, value in zip(times, kw, strict=True)
    )
    return ("\n".join([header, *rows]) + "\n").encode()


def quarter_hours(count: int, *, start: datetime = MONDAY) -> list[datetime]:
    return [start + i * QUARTER for i in range(count)]


def week_file(count: int = 672, **dialect) -> bytes:
    """A faultless file of `count` quarter-hours, UTC."""
    return csv_of(quarter_hours(count), plausible_kw(count), **dialect)


def series_file(series) -> bytes:
    """A faultless file of a LoadSeries, UTC."""
    return csv_of([datetime.fromtimestamp(time_s, UTC) for time_s in series.times_s.tolist()], series.kw)


def with_row(content: bytes, row: int, text: str | None) -> bytes:
    """The file with a data row (from 1) replaced, or taken out."""
    lines = content.decode().splitlines()
    lines[row : row + 1] = [] if text is None else [text]
    return ("\n".join(lines) + "\n").encode()


def substation_lines() -> list[str]:
    return (SHARED_DATA / "substation_15min.csv").read_text().splitlines()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
