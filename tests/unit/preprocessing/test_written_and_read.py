"""A series written in any format that is read comes back as it was."""

from datetime import datetime
from decimal import Decimal
from unittest.mock import patch
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.preprocessing import meter_file
from pipelines.preprocessing.meter_file import TIME_HEADERS, VALUE_HEADERS, Declared, read_meter_file
from tests.unit.preprocessing.writer import STEP, Format

CLOCK_CHANGES = {
    "Europe/Berlin": ("2024-03-31T01:00Z", "2024-10-27T01:00Z"),
    "America/New_York": ("2024-03-10T07:00Z", "2024-11-03T06:00Z"),
    "Australia/Lord_Howe": ("2024-04-06T15:00Z", "2024-10-05T15:30Z"),  # by half an hour
    "Africa/Cairo": ("2024-04-25T22:00Z", "2024-10-31T21:00Z"),  # at midnight
    "Asia/Kolkata": (),
    "Etc/GMT-1": (),
}
NO_CHANGES = ("2024-02-29T00:00Z", "2023-12-31T23:00Z", "2024-06-03T09:45Z")
LONGER_THAN_A_DOUBLED_HOUR = 9
"""Steps of a log that has either more than a doubled hour in it, or both of its runs."""

ISO_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")
GERMAN_FORMATS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")
TITLES = (("Lastgang, Zähler 4711",), ("Zählpunkt", "DE0001"), ("von", "bis", ""), (), ("sep=;",))
NAMED = ("Bezug kW", "Leistung, gesamt", "Wirkleistung; Übergabe")


@st.composite
def formats(draw) -> Format:
    offset = draw(st.sampled_from(("none", "none", "local", "Z")))
    unit = draw(st.sampled_from(("kW", "kWh")))
    separator, mark = draw(st.sampled_from([(separator, mark) for separator in ",;\t" for mark in ".,"]))
    cell = st.text("aäß€ .,;\t\"'-0Summe", max_size=8)
    extra = draw(st.lists(st.tuples(st.sampled_from(("Status", "Zähler", "Einspeisung")), cell), max_size=3))
    return Format(
        zone=ZoneInfo(draw(st.sampled_from(sorted(CLOCK_CHANGES)))),
        time_format=draw(st.sampled_from(ISO_FORMATS + (GERMAN_FORMATS if offset == "none" else ()))),
        offset=offset,
        labels=draw(st.sampled_from(("start", "end"))),
        as_set=draw(st.booleans()),
        midnight_24=draw(st.booleans()),
        unit=unit,
        separator=separator,
        mark=mark,
        thousands=draw(st.booleans()),
        quoted=draw(st.booleans()),
        encoding=draw(st.sampled_from(("utf-8", "utf-8-sig", "cp1252"))),
        newline=draw(st.sampled_from(("\n", "\r\n", "\r"))),
        time_header=draw(st.sampled_from(TIME_HEADERS)),
        value_header=draw(st.sampled_from(VALUE_HEADERS[unit] + NAMED)),
        titles=tuple(draw(st.lists(st.sampled_from(TITLES), max_size=4))),
        extra=tuple(extra),
        order=tuple(draw(st.permutations(range(2 + len(extra))))),
        total=draw(st.booleans()),
    )


@st.composite
def starts(draw, zone: ZoneInfo, steps: int) -> datetime:
    """The start of a log with one of those times in it or at one of its ends."""
    time = datetime.fromisoformat(draw(st.sampled_from(2 * CLOCK_CHANGES[zone.key] + NO_CHANGES)))
    return time - draw(st.integers(0, steps)) * STEP


@st.composite
def loads(draw) -> list[Decimal]:
    """Powers in kW, all with as many decimals."""
    decimals = draw(st.integers(0, 4))
    power = st.integers(-200_000_000, 200_000_000).map(lambda digits: Decimal(digits).scaleb(-decimals))
    return draw(st.lists(power, min_size=LONGER_THAN_A_DOUBLED_HOUR, max_size=40))


# The same examples each time, however slow the machine: a change is to blame for a failure, not a die.
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.data(), formats(), loads())
def test_what_is_written_in_any_format_is_read_as_it_was(data, written, kw):
    start = data.draw(starts(written.zone, len(kw)))
    content = written.write(start, kw)
    declared = Declared(
        column=written.value_header if written.value_header in NAMED else None,
        unit=written.unit,
        labels=written.labels,
    )

    series = read_meter_file(content, zone=written.zone, declared=declared)
    with patch.object(meter_file, "read_plain_rows", lambda *_: None):
        row_by_row = read_meter_file(content, zone=written.zone, declared=declared)

    for read in (series, row_by_row):
        assert read.times_s.tolist() == [int((start + i * STEP).timestamp()) for i in range(len(kw))]
        assert read.kw.tolist() == [float(power) for power in kw]
    assert series.lines.tolist() == row_by_row.lines.tolist()
