"""Meter files, good and bad."""

from datetime import UTC, datetime

from tests.data import QUARTER, csv_of, frozen_kw, plausible_kw, quarter_hours, week_file, with_row

WEEK = week_file(680)
TWO_MISSING = with_row(with_row(WEEK, 601, None), 601, None)
FROZEN = csv_of(quarter_hours(680), frozen_kw(680))
SPIKES = csv_of(quarter_hours(680), [*plausible_kw(679), 5_000.0])

HTML = "<img src=x onerror=alert(1)>"
HOSTILE_CELLS = with_row(with_row(WEEK, 3, f"2024-06-03 00:30:00,{HTML}"), 5, f"{HTML},160")
HOSTILE_HEADER = WEEK.replace(b"Datum,", f"{HTML},".encode(), 1)

FAULTY = with_row(with_row(WEEK, 100, "2024-06-04 00:45:00,n/a"), 200, "03.06.2024,165.2")

INTO_AUTUMN = csv_of(
    [datetime(2024, 10, 27, 0, 30, tzinfo=UTC) - i * QUARTER for i in range(680, 0, -1)],
    plausible_kw(680),
    time_format="%Y-%m-%d %H:%M:%S+00:00",
)
"""Up to half past two on the night that the clock goes back: the forecast has the doubled hour in it."""
