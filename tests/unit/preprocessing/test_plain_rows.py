"""Plain files are read all at once, and whatever is read that way is what row by row gives."""

import random
from datetime import timedelta, timezone
from itertools import product

import numpy as np
import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing import meter_file, plain_rows
from pipelines.preprocessing.meter_file import read_meter_file
from tests.data import BERLIN, SAMPLE, csv_of, plausible_kw, quarter_hours, week_file

TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%MZ",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%Y-%m-%d %H:%M-09:30",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)


def read(content):
    """The series of a file, or what is wrong with it."""
    try:
        series = read_meter_file(content, zone=BERLIN)
    except InvalidSeriesError as error:
        return str(error), error.violations, error.count
    return series.times_s.tolist(), series.kw.tolist(), series.lines.tolist(), series.zone


@pytest.fixture
def row_by_row(monkeypatch):
    """Reads a file as if none were plain."""

    def read_slowly(content):
        with monkeypatch.context() as patch:
            patch.setattr(meter_file, "read_plain_rows", lambda *_: None)
            return read(content)

    return read_slowly


@pytest.fixture
def short_only(monkeypatch):
    """From here on no file may need its numbers read one by one."""

    def refuse(*_):
        raise AssertionError("read one by one")

    monkeypatch.setattr(plain_rows, "_powers", refuse)


@pytest.fixture
def plain_only(monkeypatch):
    """From here on no file may need to be read row by row."""

    def refuse(*_):
        raise AssertionError("read row by row")

    monkeypatch.setattr(meter_file, "_row_by_row", refuse)


@pytest.mark.parametrize(
    ("time_format", "dialect", "newline", "end"),
    list(product(TIME_FORMATS, ((",", "."), (";", "."), (";", ",")), ("\n", "\r\n"), (True, False))),
)
def test_common_files_are_plain_in_every_dialect(plain_only, time_format, dialect, newline, end):
    separator, mark = dialect
    times, kw = quarter_hours(100), plausible_kw(100)
    content = csv_of(
        times,
        kw,
        header=f"Datum{separator}Wert (kW)",
        time_format=time_format,
        separator=separator,
        mark=mark,
    ).replace(b"\n", newline.encode())
    series = read_meter_file(content if end else content.removesuffix(newline.encode()), zone=BERLIN)
    assert series.kw.tolist() == kw
    assert set(np.diff(series.times_s).tolist()) == {900}
    assert series.lines.tolist() == list(range(2, 102))


def test_an_offset_is_taken_off(plain_only):
    content = b"Datum,Wert (kW)\n2024-06-03T00:00:00+05:30,1\n2024-06-03T00:15:00+05:30,2\n"
    first = quarter_hours(1)[0].replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert read_meter_file(content, zone=BERLIN).times_s.tolist() == [
        int(first.timestamp()) + i * 900 for i in range(2)
    ]


@pytest.mark.parametrize("header", ["Zähler;Datum;Wert (kW);Status", '"Zähler";"Datum";"Wert (kW)";"Status"'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_header_may_be_quoted_and_other_columns_are_passed_over(plain_only, header, encoding):
    rows = "".join(f"A {i};2024-06-03 00:{15 * i:02};-{i},25;ok\n" for i in range(4))
    series = read_meter_file(f"{header}\n{rows}".encode(encoding), zone=BERLIN)
    assert series.kw.tolist() == [-0.25, -1.25, -2.25, -3.25]


def test_the_sample_is_plain(plain_only):
    assert read_meter_file(SAMPLE.read_bytes(), zone=BERLIN).kw.size == 1344


def test_values_may_stand_before_times(plain_only):
    content = b"Wert (kW),Date\n1,2024-06-03 00:00\n1234567.12345678,2024-06-03 00:15\n"
    assert read_meter_file(content, zone=BERLIN).kw.tolist() == [1, 1234567.12345678]


def decimals(count, digits):
    dice = random.Random(1)
    for _ in range(count):
        text = "".join(dice.choice("0123456789") for _ in range(dice.randrange(1, digits + 1)))
        decimals = dice.randrange(max(len(text) - 9, 0), len(text) + 1)
        yield f"{dice.choice(('', '-'))}{text[: len(text) - decimals]}.{text[len(text) - decimals :]}"


def test_short_numbers_are_the_nearest_floats(plain_only, short_only):
    texts = ["0", "-0", "7.", ".5", "-.5", "00012", "1000000000", "0.3000000000000", "-999999999.99999"]
    texts += decimals(5000, 14)
    series = read_meter_file(csv_of(quarter_hours(len(texts)), texts), zone=BERLIN)
    assert series.kw.tolist() == [float(text) for text in texts]


@pytest.mark.parametrize(("separator", "mark"), [(",", "."), (";", ",")])
def test_long_numbers_are_too(plain_only, separator, mark):
    texts = ["163.33333333333334", "1e3", "+5", "-1.5E-3", "0." + "0" * 100 + "1", *decimals(1000, 30)]
    content = csv_of(
        quarter_hours(len(texts)), texts, header=f"Datum{separator}Wert (kW)", separator=separator, mark=mark
    )
    assert read_meter_file(content, zone=BERLIN).kw.tolist() == [float(text) for text in texts]


def test_long_files_are_read_in_blocks_with_nothing_lost_between(plain_only, monkeypatch):
    monkeypatch.setattr(plain_rows, "_BLOCK", 1000)
    kw = plausible_kw(2000)
    series = read_meter_file(csv_of(quarter_hours(2000), kw), zone=BERLIN)
    assert series.kw.tolist() == kw
    assert set(np.diff(series.times_s).tolist()) == {900}
    assert series.lines.tolist() == list(range(2, 2002))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_changed_in_a_file_it_is_read_or_refused_as_row_by_row(row_by_row, monkeypatch, seed):
    monkeypatch.setattr(plain_rows, "_BLOCK", 300)
    dice = random.Random(seed)
    separator, mark = dice.choice([(",", "."), (";", "."), (";", ",")])
    header = dice.choice(["Datum{}Wert (kW)", "Wert (kW){}Datum", "a{}Datum{}b{}Wert (kW)"]).replace(
        "{}", separator
    )
    file = csv_of(
        quarter_hours(12),
        plausible_kw(12, seed=seed),
        header="Datum,Wert (kW)".replace(",", separator),
        time_format=dice.choice(TIME_FORMATS),
        separator=separator,
        mark=mark,
    ).decode()
    rows = [line.split(separator) for line in file.splitlines()[1:]]
    if header.startswith("Wert"):
        rows = [row[::-1] for row in rows]
    if header.startswith("a"):
        rows = [["x", row[0], "y z", row[1]] for row in rows]
    newline = dice.choice(["\n", "\r\n"])
    text = newline.join([header, *(separator.join(row) for row in rows)]) + dice.choice(["", newline])
    read_at_once = 0
    for _ in range(100):
        changed = list(text)
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            at = dice.randrange(len(changed))
            new = dice.choice('0123456789.,;:-+T Z\n\r"\t\0äe²')
            changed[at : at + dice.choice((0, 1))] = dice.choice((new, new, ""))
        content = "".join(changed).encode(dice.choice(["utf-8", "cp1252"]))
        found = read(content)
        assert found == row_by_row(content), content
        read_at_once += len(found) == 4
    assert read_at_once > 0


def test_a_file_with_a_fault_in_its_last_row_says_so():
    content = week_file(40_000, time_format="%Y-%m-%dT%H:%MZ") + b"2031-01-01T00:00Z,x\n"
    assert "row 40001 (line 40002), column Wert (kW): 'x' is not a power" in read(content)[0]
