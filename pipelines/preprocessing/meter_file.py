"""Reading a meter's CSV export: times and mean powers, whatever common dialect it is written in."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import MAX_LISTED, InvalidSeriesError, Rule, Violation, invalid
from pipelines.preprocessing.meter_times import EXPECTED, ParsedTimes, parse_times
from pipelines.preprocessing.plain_rows import Columns, read_plain_rows
from pipelines.preprocessing.series import MAX_STEPS, MAX_VALUE_KW, LoadSeries, time_text
from pipelines.preprocessing.wall_clock import DoubledHour, to_utc

TIME_HEADERS = ("Datum", "Date", "Date-Time")
VALUE_HEADERS = {
    "kW": ("Wert (kW)", "Power Consumption [kW]"),
    "kWh": ("Wert (kWh)", "Energy Consumption [kWh]"),
}
"""By the unit that was declared."""
DELIMITERS = (",", ";", "\t")
ENCODINGS = ("utf-8-sig", "cp1252")
TOTALS = ("gesamt", "gesamtsumme", "sum", "summe", "total")
"""Words that mark a last row as the total of those above."""

MAX_LINE = 4096
"""Characters of a line."""
MAX_CELL = 64
"""Characters of a cell that an error repeats, and that a time or a number may have."""
MAX_TITLES = 20
"""Rows before the header: of whom, of which meter, from when to when."""

_ROWS_AT_A_TIME = 4096
"""Read in one go: the interpreter lock is not let go of in between."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_OF_A_NUMBER = re.compile(r"[^0-9eE.+-]")
_GROUPED = {
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d*", re.ASCII),
    ".": re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d*", re.ASCII),
}
"""Numbers with marks between thousands, by their decimal mark; one without it could be either."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

_EMPTY = "the file is empty"
_NO_VALUE = {"kW": "is not a power in kW", "kWh": "is not an energy in kWh"}

_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"PK\x03\x04": "a zip archive (an .xlsx file is one: save it as CSV)",
    b"\x1f\x8b": "gzip-compressed: unpack it first",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
}

Lines = NDArray[np.int64]
Names = tuple[str, ...]
"""Headers that the column of loads may have."""


@dataclass(frozen=True)
class Declared:
    """What the sender of a file says of it: it cannot be seen, and is not guessed."""

    column: str | None = None
    """Header of the column that holds the load; None: one of VALUE_HEADERS."""
    unit: Literal["kW", "kWh"] = "kW"
    """kWh: the energy of each step."""
    labels: Literal["start", "end"] = "start"
    """What of its step a row's time is."""
    doubled_hour: DoubledHour = "order"
    """Which of the two an hour is that the clock showed twice and the file has once; order: see `to_utc`."""

    @property
    def names(self) -> Names:
        """Headers that the column of loads may have."""
        return (self.column,) if self.column else VALUE_HEADERS[self.unit]


AS_USUAL = Declared()


def read_meter_file(content: bytes, *, zone: ZoneInfo, declared: Declared = AS_USUAL) -> LoadSeries:
    """The load of a CSV with a header, one row per step.

    Takes the columns of TIME_HEADERS and VALUE_HEADERS, others are passed over, as are MAX_TITLES rows before
    the header and a last row that is a total; comma, semicolon or tab between cells; decimal point or comma,
    with or without marks between thousands; ISO or dd.mm.yyyy times, 24:00 among them; UTF-8 with or without
    byte order mark, or cp1252. Times with an offset are taken at their word; those without are local to
    `zone`. Values are mean powers in kW of the steps that begin at the times, unless declared otherwise.

    Raises InvalidSeriesError that lists the rows at fault: not text, no or another header, too long,
    cells that are not times or finite numbers, times that occur twice, go back, or that no clock showed.
    """
    series = _plain(content, zone, declared) or _row_by_row(content, zone, declared)
    return series if (declared.unit, declared.labels) == ("kW", "start") else _as_declared(series, declared)


def _as_declared(series: LoadSeries, declared: Declared) -> LoadSeries:
    """Powers of steps by their starts; how long a step is, most of the rows tell."""
    if series.times_s.size < 2:
        raise invalid("length", "one row does not tell how long a step is")
    step_s = int(np.median(np.diff(series.times_s)))
    kw = series.kw * (3600 / step_s) if declared.unit == "kWh" else series.kw
    bad = np.flatnonzero(np.abs(kw) > MAX_VALUE_KW)
    if bad.size:
        listed = [
            Violation(
                "value",
                f"{series.kw[i]:g} kWh in {step_s} s is more than any meter shows",
                *series.place(i),
                series.value_column,
            )
            for i in bad[:MAX_LISTED].tolist()
        ]
        raise InvalidSeriesError(listed, bad.size)
    label_s = step_s if declared.labels == "end" else 0
    return replace(series, times_s=series.times_s - label_s, kw=kw, label_s=label_s)


def _plain(content: bytes, zone: ZoneInfo, declared: Declared) -> LoadSeries | None:
    """What `_row_by_row` reads of a file that is plain and has no fault; None of any other."""
    end = content.find(b"\n")
    if not 0 < end <= MAX_LINE:
        return None
    columns = _plain_columns(content[:end], declared.names)
    rows = columns and read_plain_rows(content, end + 1, columns)
    if not columns or not rows or rows.kw.size > MAX_STEPS:
        return None
    times_s, skipped = _to_utc(rows.times, zone, declared)
    if skipped.any() or (times_s[1:] <= times_s[:-1]).any():
        return None
    lines = np.arange(2, times_s.size + 2)
    time_column, value_column = columns.names[columns.time_at], columns.names[columns.value_at]
    return LoadSeries(times_s, rows.kw, lines, zone, time_column, value_column)


@lru_cache(maxsize=64)
def _plain_columns(header: bytes, names: Names) -> Columns | None:
    """What the header line says of the rows; None where it has a fault."""
    try:
        text = _decode(header.removesuffix(b"\r"))
        delimiter = _delimiter(text, names)
        (cells,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (InvalidSeriesError, csv.Error, ValueError):
        return None
    at = _columns(cells, names)
    return None if at is None or "\r" in text else Columns(delimiter, tuple(map(str.strip, cells)), *at)


def _row_by_row(content: bytes, zone: ZoneInfo, declared: Declared) -> LoadSeries:
    names = declared.names
    rows, lines = _rows(_decode(content), names)
    if not rows:
        raise invalid("empty", _EMPTY)
    found = ((i, at) for i, row in enumerate(rows[: MAX_TITLES + 1]) if (at := _columns(row, names)))
    titles, columns = next(found, (0, None))
    if columns is None:
        raise InvalidSeriesError([_header_violation(rows[0], int(lines[0]), declared)])
    header, data, lines = rows[titles], rows[titles + 1 :], lines[titles + 1 :]
    if data and _is_total(data[-1], columns[0]):
        data, lines = data[:-1], lines[:-1]
    if len(data) > MAX_STEPS:
        raise invalid("length", f"the file has over {MAX_STEPS:,} rows: send the newest")
    if not data:
        raise invalid("length", "the file has a header and no rows")
    uneven = [i for i, row in enumerate(data) if len(row) != len(header)]
    if uneven:
        listed = [
            Violation(
                "columns", f"{len(data[i])} cells where the header has {len(header)}", i + 1, int(lines[i])
            )
            for i in uneven[:MAX_LISTED]
        ]
        raise InvalidSeriesError(listed, len(uneven))
    time_column, value_column = (
        _Column(header[at].strip(), [row[at].strip() for row in data], lines) for at in columns
    )
    times_s, time_faults = _times(time_column, zone, declared)
    kw, value_faults = _values(value_column, declared.unit)
    faults = time_faults + value_faults
    if faults.count:
        raise InvalidSeriesError(faults.listed, faults.count)
    return LoadSeries(times_s, kw, lines, zone, time_column.name, value_column.name)


def _decode(content: bytes) -> str:
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise invalid("not_csv", f"the file is not CSV but {kind}")
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise invalid("empty", _EMPTY)
        if _CONTROL.search(text):
            break
        return text
    raise invalid("not_csv", "the file is not text in UTF-8 or Windows-1252")


def _rows(text: str, names: Names) -> tuple[list[list[str]], Lines]:
    """Header and data rows without blank ones, and the line each ends on; never more than are taken."""
    if text.count("\n") + text.count("\r") > 2 * MAX_STEPS:
        raise invalid("length", f"the file has over {MAX_STEPS:,} rows: send the newest")
    if max(map(len, text.splitlines())) > MAX_LINE:
        raise invalid("length", f"the file has a line of over {MAX_LINE:,} characters")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, names), strict=True)
    rows: list[list[str]] = []
    try:
        while chunk := list(islice(reader, _ROWS_AT_A_TIME)):
            rows += chunk
            if reader.line_num != len(rows):
                # Blank lines pass for rows, but line breaks in quotes part rows and lines.
                line = next(i for i, row in enumerate(rows, 1) if re.search("[\r\n]", "".join(row)))
                raise invalid("not_csv", f"line {line} has a line break within a cell", line=line)
    except csv.Error as error:
        line = reader.line_num
        raise invalid("not_csv", f"the file is not CSV: line {line}: {error}", line=line) from None
    if all(map(any, rows)):
        return rows, np.arange(1, len(rows) + 1)
    lines = [i + 1 for i, row in enumerate(rows) if any(row)]
    return [rows[line - 1] for line in lines], np.array(lines, dtype=np.int64)


def _delimiter(text: str, names: Names) -> str:
    """The one that splits one of the first lines with anything on them into a header we know."""
    first = list(islice(filter(str.strip, io.StringIO(text, newline="")), MAX_TITLES + 1))
    for line in first:
        for delimiter in DELIMITERS:
            if _columns(next(csv.reader([line], delimiter=delimiter)), names) is not None:
                return delimiter
    return max(DELIMITERS, key=first[0].count)


def _columns(header: list[str], names: Names) -> tuple[int, int] | None:
    """Positions of time and value, None where one is missing or named twice."""
    found = []
    for wanted in (TIME_HEADERS, names):
        known = [name.strip().casefold() for name in wanted]
        at = [i for i, cell in enumerate(header) if cell.strip().casefold() in known]
        if len(at) != 1:
            return None
        found.append(at[0])
    return found[0], found[1]


def _is_total(row: list[str], time_at: int) -> bool:
    """Whether a row calls itself one and has no time: others may have the word in a column of their own."""
    has_time = time_at < len(row) and parse_times([row[time_at].strip()]).valid.all()
    return not has_time and any(cell.strip().rstrip(":").casefold() in TOTALS for cell in row)


def _header_violation(header: list[str], line: int, declared: Declared) -> Violation:
    names = ", ".join(_shown(cell) for cell in header[:8])
    wanted = f"one column {_any_of(TIME_HEADERS)} and one column {_any_of(declared.names)}"
    if declared.unit == "kW" and any("kwh" in cell.casefold() for cell in header):
        wanted += "; energies in kWh are not powers: declare them with unit=kWh"
    elif len(header) > 1 and parse_times([header[0].strip()]).valid.all():
        return Violation("header", f"the first line is data; a header is needed with {wanted}", line=line)
    return Violation("header", f"the header names {names}; needed are {wanted}", line=line)


@dataclass(frozen=True)
class _Column:
    name: str
    cells: list[str]
    lines: Lines


@dataclass(frozen=True)
class _Faults:
    """Rows that break rules: the first of them told, all counted."""

    listed: list[Violation]
    count: int

    def __add__(self, other: "_Faults") -> "_Faults":
        listed = sorted(self.listed + other.listed, key=lambda fault: fault.row or 0)
        return _Faults(listed[:MAX_LISTED], self.count + other.count)


def _faults(
    column: _Column, rule: Rule, indices: NDArray[np.intp] | list[int], message: Callable[[int], str]
) -> _Faults:
    """The rows of a column that break a rule; the message is what a cell there is or is not."""
    listed = [
        Violation(rule, f"{_shown(column.cells[i])} {message(i)}", i + 1, int(column.lines[i]), column.name)
        for i in map(int, indices[:MAX_LISTED])
    ]
    return _Faults(listed, len(indices))


def _times(column: _Column, zone: ZoneInfo, declared: Declared) -> tuple[NDArray[np.int64], _Faults]:
    parsed = parse_times(column.cells)
    if not parsed.valid.all():
        like = next(
            (f"a time written like {_shown(column.cells[i])}" for i in np.flatnonzero(parsed.valid)), EXPECTED
        )
        bad = np.flatnonzero(~parsed.valid)
        return parsed.seconds, _faults(column, "time", bad, lambda _: f"is not {like}")
    utc_s, skipped = _to_utc(parsed, zone, declared)
    if skipped.any():
        message = (
            f"does not exist in {zone.key}: the clock went forward over it; name the file's zone with tz"
        )
        return utc_s, _faults(column, "clock_change", np.flatnonzero(skipped), lambda _: message)
    steps_s = np.diff(utc_s)
    twice = _faults(
        column, "duplicate", np.flatnonzero(steps_s == 0) + 1, lambda _: "is the time of the row before, too"
    )
    back = _faults(
        column,
        "order",
        np.flatnonzero(steps_s < 0) + 1,
        lambda i: f"comes after {time_text(utc_s[i - 1], zone)}: rows must be oldest first",
    )
    return utc_s, twice + back


def _to_utc(
    times: ParsedTimes, zone: ZoneInfo, declared: Declared
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times in UTC, and which of them no clock of the zone ever showed."""
    if times.absolute:
        return times.seconds, np.zeros(times.seconds.size, np.bool_)
    return to_utc(times.seconds, zone, ends=declared.labels == "end", doubled_hour=declared.doubled_hour)


def _values(column: _Column, unit: str) -> tuple[NDArray[np.float64], _Faults]:
    cells = column.cells
    joined = "".join(cells)
    if "," in joined:
        mark = "," if "." not in joined or _mostly_commas(cells) else "."
        cells = [_with_point(cell, mark) for cell in cells]
        joined = "".join(cells)
    kw = np.zeros(len(cells))
    if not _NOT_OF_A_NUMBER.search(joined):
        try:
            kw = np.array(cells, dtype=np.float64)
        except ValueError:
            pass
        else:
            if (np.abs(kw) <= MAX_VALUE_KW).all():
                return kw, _Faults([], 0)
    bad = [i for i, cell in enumerate(cells) if not _is_power(cell)]
    return kw, _faults(column, "value", bad, lambda _: _NO_VALUE[unit])


def _mostly_commas(cells: list[str]) -> bool:
    """Whether more of the cells are numbers with a decimal comma than with a decimal point."""
    commas, points = (
        sum(mark in cell and _is_power(_with_point(cell, mark)) for cell in cells) for mark in (",", ".")
    )
    return commas > points


def _with_point(cell: str, mark: str) -> str:
    """A number with the decimal mark as one with a point; nothing where it has the other mark elsewhere than
    between thousands: that must not become a decimal mark."""
    other = "." if mark == "," else ","
    if other in cell:
        if not _GROUPED[mark].fullmatch(cell[:MAX_CELL]):
            return ""
        cell = cell.replace(other, "")
    return cell.replace(mark, ".")


def _is_power(cell: str) -> bool:
    return len(cell) <= MAX_CELL and bool(_NUMBER.fullmatch(cell)) and abs(float(cell)) <= MAX_VALUE_KW


def _shown(cell: str) -> str:
    """A cell as an error may repeat it: short, and with nothing unprintable."""
    return repr(cell if len(cell) <= MAX_CELL else cell[:MAX_CELL] + "...")


def _any_of(names: Names) -> str:
    return " or ".join(_shown(name) for name in names)
