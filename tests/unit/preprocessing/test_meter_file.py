"""A meter file is read the same in every dialect, and refused with the row at fault."""

from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.errors import MAX_LISTED, InvalidSeriesError
from pipelines.preprocessing.meter_file import Declared, read_meter_file
from tests.data import BERLIN, MONDAY, csv_of, plausible_kw, quarter_hours, week_file, with_row

UTC_ZONE = ZoneInfo("UTC")


def refused(content: bytes, zone: ZoneInfo = UTC_ZONE) -> InvalidSeriesError:
    with pytest.raises(InvalidSeriesError) as caught:
        read_meter_file(content, zone=zone)
    return caught.value


TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S+00:00",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
HEADERS = ("Datum{}Wert (kW)", "Date{}Power Consumption [kW]", "Date-Time{}Wert (kW)", "date{}WERT (KW)")


@pytest.mark.parametrize(
    ("time_format", "header", "separator", "mark"),
    [
        (time_format, header, separator, mark)
        for time_format, header, (separator, mark) in product(
            TIME_FORMATS, HEADERS, ((",", "."), (";", "."), (";", ","))
        )
    ],
)
def test_every_dialect_gives_the_same_series(time_format, header, separator, mark):
    kw = plausible_kw(8)
    content = csv_of(
        quarter_hours(8),
        kw,
        header=header.format(separator),
        time_format=time_format,
        separator=separator,
        mark=mark,
    )
    series = read_meter_file(content, zone=UTC_ZONE)
    assert series.kw.tolist() == kw
    assert series.times_s.tolist() == [int(time.timestamp()) for time in quarter_hours(8)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_encoding_and_line_end_gives_the_same_series(encoding, newline):
    content = (
        f"Zähler,Datum,Wert (kW){newline}Süd,2024-06-03 00:00,1.5{newline}Süd,2024-06-03 00:15,-2{newline}"
    )
    series = read_meter_file(content.encode(encoding), zone=UTC_ZONE)
    assert series.kw.tolist() == [1.5, -2.0]


def test_quoted_cells_with_a_decimal_comma_are_read():
    content = b'"Datum","Wert (kW)"\n"2024-06-03 00:00","1,5"\n"2024-06-03 00:15","2"\n'
    assert read_meter_file(content, zone=UTC_ZONE).kw.tolist() == [1.5, 2.0]


def test_blank_lines_are_passed_over_and_lines_still_counted():
    content = b"\nDatum,Wert (kW)\n\n2024-06-03 00:00,1\n\n2024-06-03 00:15,x\n"
    assert str(refused(content)).startswith("row 2 (line 6), column Wert (kW): 'x' is not a power")


def test_local_times_become_utc():
    content = b"Datum,Wert (kW)\n2024-06-03 00:00,1\n"
    assert (
        read_meter_file(content, zone=BERLIN).times_s[0] == datetime(2024, 6, 2, 22, tzinfo=UTC).timestamp()
    )


def test_an_offset_wins_over_the_zone():
    content = b"Datum,Wert (kW)\n2024-06-03T00:00:00+05:30,1\n"
    assert (
        read_meter_file(content, zone=BERLIN).times_s[0]
        == datetime(2024, 6, 2, 18, 30, tzinfo=UTC).timestamp()
    )


def test_the_doubled_hour_in_october_is_told_apart_by_order():
    times = quarter_hours(24, start=datetime(2024, 10, 26, 22, tzinfo=UTC))
    local = [time.astimezone(BERLIN).replace(tzinfo=None) for time in times]
    assert len(set(local)) == 20
    series = read_meter_file(csv_of(local, range(24)), zone=BERLIN)
    assert series.times_s.tolist() == [int(time.timestamp()) for time in times]


def test_the_hour_left_out_in_march_leaves_no_gap():
    times = quarter_hours(24, start=datetime(2024, 3, 30, 23, tzinfo=UTC))
    local = [time.astimezone(BERLIN).replace(tzinfo=None) for time in times]
    series = read_meter_file(csv_of(local, range(24)), zone=BERLIN)
    assert set(np.diff(series.times_s).tolist()) == {900}


def test_a_time_that_no_clock_showed_is_named():
    error = refused(b"Datum,Wert (kW)\n2024-03-31 01:45,1\n2024-03-31 02:15,1\n", zone=BERLIN)
    assert error.violations[0].rule == "clock_change"
    assert "row 2 (line 3), column Datum: '2024-03-31 02:15' does not exist in Europe/Berlin" in str(error)


@pytest.mark.parametrize(
    ("content", "rule", "says"),
    [
        (b"", "empty", "the file is empty"),
        (b" \n\n", "empty", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_csv", "a PNG image"),
        (b"PK\x03\x04rest", "not_csv", "a zip archive"),
        (week_file(8).decode().encode("utf-16"), "not_csv", "UTF-16: save it as UTF-8"),
        (b"Datum,Wert (kW)\n2024-06-03 00:00,\x001\n", "not_csv", "not text"),
        (b"Datum,Wert (kW)\n\x81\x8d\x8f,1\n", "not_csv", "not text"),
        (b'Datum,Wert (kW)\n"2024-06-03 00:00,1\n', "not_csv", "not CSV"),
        (b"Zeit,Leistung\n2024-06-03 00:00,1\n", "header", "the header names 'Zeit', 'Leistung'"),
        (b"Datum,Wert (kWh)\n2024-06-03 00:00,1\n", "header", "kWh are not powers"),
        (b"Datum,Wert (kW),Wert (kW)\n2024-06-03 00:00,1,2\n", "header", "needed are one column"),
        (b"2024-06-03 00:00,1\n2024-06-03 00:15,1\n", "header", "the first line is data"),
        (b"Datum,Wert (kW)\n", "length", "no rows"),
        (
            b"Datum,Wert (kW)\n2024-06-03 00:00,1\n2024-06-03 00:15,1,5\n",
            "columns",
            "row 2 (line 3): 3 cells",
        ),
    ],
)
def test_what_is_not_a_meter_file_is_refused_with_the_reason(content, rule, says):
    error = refused(content)
    assert error.violations[0].rule == rule
    assert says in str(error)


@pytest.mark.parametrize(
    "time",
    [
        "",
        "2024-13-03 00:00:00",
        "2024-06-31 00:00:00",
        "2024-06-03 24:00:00",
        "2024-06-03 00:60:00",
        "03.06.2024 00:00",
        "2024-06-03 00:00",
        "2024-06-03 00:00:000",
        "2024-06-03x00:00:00",
        "NaT",
        "now",
        "1899-06-03 00:00:00",
        "٢024-06-03 00:00:00",
        "2024-06-03 00:00:00Z",
        "=cmd|' /C calc'!A0",
    ],
)
def test_a_time_that_does_not_parse_is_named_with_its_row(time):
    error = refused(with_row(week_file(), 417, f"{time},1"))
    assert [violation.row for violation in error.violations] == [417]
    assert "row 417 (line 418), column Datum" in str(error)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e400",
        "0x10",
        "1_000",
        "1e",
        "--1",
        "1.2.3",
        "1,5",
        "1e12",
        "٣",
        "1 000",
        "9" * 70,
    ],
)
def test_a_value_that_is_no_power_is_named_with_its_row(value):
    error = refused(with_row(week_file(), 417, f'2024-06-07 08:00:00,"{value}"'))
    assert [violation.row for violation in error.violations] == [417]
    assert "row 417 (line 418), column Wert (kW)" in str(error)


def test_a_decimal_comma_and_a_decimal_point_in_one_file_are_not_guessed_at():
    error = refused(b"Datum;Wert (kW)\n2024-06-03 00:00;1.234\n2024-06-03 00:15;1,5\n")
    assert [violation.row for violation in error.violations] == [2]


def test_a_duplicate_is_named():
    error = refused(with_row(week_file(8), 5, "2024-06-03 00:45:00,1"))
    assert [violation.rule for violation in error.violations] == ["duplicate"]
    assert (
        str(error) == "row 5 (line 6), column Datum: '2024-06-03 00:45:00' is the time of the row before, too"
    )


def test_rows_out_of_order_are_named():
    error = refused(with_row(week_file(8), 5, "2024-06-02 00:45:00,1"))
    assert [(violation.rule, violation.row) for violation in error.violations] == [("order", 5)]


def test_each_row_out_of_order_says_what_it_comes_after():
    content = with_row(week_file(8), 5, "2024-06-03 00:30:00,1")
    error = refused(with_row(content, 8, "2024-06-03 01:00:00,1"))
    assert [str(violation) for violation in error.violations] == [
        "row 5 (line 6), column Datum: '2024-06-03 00:30:00' comes after 2024-06-03 00:45+00:00: "
        "rows must be oldest first",
        "row 8 (line 9), column Datum: '2024-06-03 01:00:00' comes after 2024-06-03 01:30+00:00: "
        "rows must be oldest first",
    ]


def test_at_most_twenty_rows_are_listed_and_all_are_counted():
    error = refused(csv_of(quarter_hours(50), ["x"] * 50))
    assert len(error.violations) == MAX_LISTED
    assert "(and 49 more)" in str(error)


def test_an_error_repeats_little_of_a_cell_and_nothing_unprintable():
    error = refused(csv_of([MONDAY], ["\x1b[31m" + "x" * 5000]).replace(b"\x1b", b"\xc2\x9b"))
    assert len(str(error)) < 300
    assert str(error).isprintable()


@pytest.mark.parametrize("value", ["k.A.", "101.5", "1.23,5", "1.234", "12.345.67,0", "n/a", ""])
def test_one_bad_value_among_decimal_commas_is_the_one_named(value):
    content = week_file(header="Datum;Wert (kW)", separator=";", mark=",")
    error = refused(with_row(content, 300, f"2024-06-06 02:45:00;{value}"))
    assert [violation.row for violation in error.violations] == [300]
    assert repr(value) in str(error)


def test_numbers_may_start_or_end_with_their_mark():
    assert read_meter_file(
        b"Datum;Wert (kW)\n2024-06-03 00:00;,5\n2024-06-03 00:15;-5,\n", zone=UTC_ZONE
    ).kw.tolist() == [0.5, -5]


def test_rows_of_delimiters_alone_are_blank_wherever_they_stand():
    content = b"Datum;Wert (kW)\n2024-06-03 00:00;1\n;\n2024-06-03 00:15;2\n;\n\n"
    series = read_meter_file(content, zone=UTC_ZONE)
    assert series.kw.tolist() == [1, 2]
    assert series.lines.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Datum,Wert (kW)\n" + b",\n" * 5_000_000, "400,000 rows"),
        (b"Datum,Wert (kW)\n" + b"\r" * 1_000_000, "400,000 rows"),
        (b"Datum,Wert (kW)\n" + b"x,y\n" * 400_001, "400,000 rows"),
        (b"Datum,Wert (kW)\n" + b"," * 10_000_000, "a line of over 4,096 characters"),
        (b'Datum,Wert (kW)\n"' + b"a\n" * 5000 + b'",1\n', "a line break within a cell"),
    ],
    ids=["delimiters", "blank lines", "one row too many", "one long line", "one long cell"],
)
def test_a_file_too_long_to_read_is_refused_with_the_limit(content, says):
    assert says in str(refused(content))


def test_the_longest_file_full_of_faults_lists_twenty_and_counts_all():
    error = refused(b"Datum,Wert (kW)\n" + b"a,b\n" * 400_000)
    assert len(error.violations) == MAX_LISTED
    assert error.count == 800_000


@pytest.mark.parametrize(
    ("cells", "kw"),
    [
        (["1.234,5", "-1.234.567,0", "12,5"], [1234.5, -1234567, 12.5]),
        (["1,234.5", "-1,234,567.0", "12.5"], [1234.5, -1234567, 12.5]),
        (["1.234,", "0,5"], [1234, 0.5]),
    ],
    ids=["German", "English", "nothing after the comma"],
)
def test_marks_between_thousands_are_passed_over_where_a_decimal_mark_tells_them_apart(cells, kw):
    content = csv_of(quarter_hours(len(cells)), cells, header="Datum;Wert (kW)", separator=";")
    assert read_meter_file(content, zone=UTC_ZONE).kw.tolist() == kw


@pytest.mark.parametrize("midnight", ["03.06.2024 24:00", "2024-06-03 24:00", "2024-06-03 24:00:00"])
def test_24_00_is_the_end_of_the_day(midnight):
    around = {
        "03.06.2024 24:00": ("03.06.2024 23:45", "04.06.2024 00:15"),
        "2024-06-03 24:00": ("2024-06-03 23:45", "2024-06-04 00:15"),
        "2024-06-03 24:00:00": ("2024-06-03 23:45:00", "2024-06-04 00:15:00"),
    }[midnight]
    content = "\n".join(["Datum,Wert (kW)", f"{around[0]},1", f"{midnight},2", f"{around[1]},3"]).encode()
    series = read_meter_file(content, zone=UTC_ZONE)
    assert series.times_s[1] == datetime(2024, 6, 4, tzinfo=UTC).timestamp()
    assert set(np.diff(series.times_s).tolist()) == {900}


@pytest.mark.parametrize("time", ["2024-06-03 24:15", "2024-06-03 25:00", "2024-06-03 24:01"])
def test_no_other_time_of_a_25th_hour_is_one(time):
    error = refused(f"Datum,Wert (kW)\n2024-06-03 23:45,1\n{time},2\n".encode())
    assert (error.violations[0].rule, error.violations[0].row) == ("time", 2)


def test_rows_before_the_header_are_passed_over_and_lines_still_counted():
    titles = "Lastgang 2024\nZählpunkt;DE0001\nvon;bis\n\n"
    content = f"{titles}Datum;Wert (kW)\n2024-06-03 00:00;1,5\n2024-06-03 00:15;x\n".encode()
    assert str(refused(content)).startswith("row 2 (line 7), column Wert (kW): 'x'")
    assert read_meter_file(content.replace(b"x", b"2"), zone=UTC_ZONE).kw.tolist() == [1.5, 2]


def test_a_header_that_comes_too_late_is_none():
    titles = "".join(f"title {number}\n" for number in range(21))
    error = refused(f"{titles}Datum,Wert (kW)\n2024-06-03 00:00,1\n".encode())
    assert error.violations[0].rule == "header"
    assert "the header names 'title 0'" in str(error)


@pytest.mark.parametrize("total", ["Summe;3", "Gesamt:;3", ";;Total", "TOTAL;"])
def test_a_total_in_the_last_row_is_passed_over(total):
    content = f"Datum;Wert (kW)\n2024-06-03 00:00;1\n2024-06-03 00:15;2\n{total}\n".encode()
    assert read_meter_file(content, zone=UTC_ZONE).kw.tolist() == [1, 2]


def test_a_row_with_a_time_is_no_total_whatever_else_it_says():
    content = b"Datum;Wert (kW);Tarif\n2024-06-03 00:00;1;Gesamt\n2024-06-03 00:15;2;Gesamt\n"
    assert read_meter_file(content, zone=UTC_ZONE).kw.tolist() == [1, 2]


def test_a_total_elsewhere_is_a_fault():
    content = b"Datum;Wert (kW)\n2024-06-03 00:00;1\nSumme;1\n2024-06-03 00:15;2\n"
    assert [violation.row for violation in refused(content).violations] == [2]


def test_energies_of_steps_become_mean_powers():
    content = csv_of(quarter_hours(3), [1, 2.5, -1], header="Datum;Wert (kWh)", separator=";")
    series = read_meter_file(content, zone=UTC_ZONE, declared=Declared(unit="kWh"))
    assert series.kw.tolist() == [4, 10, -4]
    hourly = b"Date,Energy Consumption [kWh]\n2024-06-03 00:00,1\n2024-06-03 01:00,2\n2024-06-03 02:00,3\n"
    assert read_meter_file(hourly, zone=UTC_ZONE, declared=Declared(unit="kWh")).kw.tolist() == [1, 2, 3]


def test_times_at_the_end_of_steps_become_their_starts():
    ends = csv_of(quarter_hours(4)[1:], [1, 2, 3])
    series = read_meter_file(ends, zone=UTC_ZONE, declared=Declared(labels="end"))
    assert series.times_s.tolist() == [int(time.timestamp()) for time in quarter_hours(3)]
    assert series.kw.tolist() == [1, 2, 3]


def test_the_column_that_is_named_is_the_one_that_is_read():
    content = b"Datum;Wert (kW);Bezug;Einspeisung\n2024-06-03 00:00;1;2,5;3\n2024-06-03 00:15;4;5,5;6\n"
    for column, kw in (("Bezug", [2.5, 5.5]), ("einspeisung ", [3, 6]), ("Wert (kW)", [1, 4])):
        assert read_meter_file(content, zone=UTC_ZONE, declared=Declared(column)).kw.tolist() == kw


@pytest.mark.parametrize(
    ("declared", "content", "says"),
    [
        (Declared("Bezug"), b"Datum,Wert (kW)\n2024-06-03 00:00,1\n", "one column 'Bezug'"),
        (Declared(unit="kWh"), b"Datum,Wert (kW)\n2024-06-03 00:00,1\n", "one column 'Wert (kWh)'"),
        (Declared(unit="kWh"), b"Datum,Wert (kWh)\n2024-06-03 00:00,1\n", "one row does not tell"),
        (
            Declared(unit="kWh"),
            csv_of(quarter_hours(2), ["1", "x"], header="Datum,Wert (kWh)"),
            "an energy in",
        ),
        (
            Declared(unit="kWh"),
            csv_of(quarter_hours(2), ["1", "9e8"], header="Datum,Wert (kWh)"),
            "row 2 (line 3), column Wert (kWh): 9e+08 kWh in 900 s is more than any meter shows",
        ),
        (Declared(), b"Datum,Wert (kWh)\n2024-06-03 00:00,1\n", "declare them with unit=kWh"),
    ],
)
def test_what_was_declared_and_is_not_so_is_told(declared, content, says):
    with pytest.raises(InvalidSeriesError) as caught:
        read_meter_file(content, zone=UTC_ZONE, declared=declared)
    assert says in str(caught.value)
