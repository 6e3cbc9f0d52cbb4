"""Reading a meter's CSV export: times and mean powers, whatever common dialect it is written in."""

import csv
import io
import re
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import InvalidSeriesError, Violation, invalid
from pipelines.preprocessing.meter_times import EXPECTED, parse_times
from pipelines.preprocessing.series import MAX_VALUE_KW, LoadSeries, time_text
from pipelines.preprocessing.wall_clock import to_utc

TIME_HEADERS = ("Datum", "Date", "Date-Time")
VALUE_HEADERS = ("Wert (kW)", "Power Consumption [kW]")
DELIMITERS = (",", ";")
ENCODINGS = ("utf-8-sig", "cp1252")

MAX_CELL = 64
"""Characters of a cell that an error repeats, and that a time or a number may have."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_OF_A_NUMBER = re.compile(r"[^0-9eE.+-]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)

_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"PK\x03\x04": "a zip archive (an .xlsx file is one: save it as CSV)",
    b"\x1f\x8b": "gzip-compressed: unpack it first",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
}


def read_meter_file(content: bytes, *, zone: ZoneInfo) -> LoadSeries:
    """The load of a CSV with a header, one row per step.

    Takes the columns of TIME_HEADERS and VALUE_HEADERS, others are passed over; comma or semicolon
    between cells; decimal point or comma; ISO or dd.mm.yyyy times; UTF-8 with or without byte order
    mark, or cp1252. Times with an offset are taken at their word; those without are local to `zone`.
    Values are mean powers in kW.

    Raises InvalidSeriesError that lists the rows at fault: not text, no or another header, cells that are
    not times or finite numbers, times that occur twice, go back, or that no clock showed.
    """
    text = _decode(content)
    rows, lines = _rows(text)
    return _series(rows, lines, zone)


def _decode(content: bytes) -> str:
    if not content.strip():
        raise invalid("empty", "the file is empty")
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise invalid("not_csv", f"the file is not CSV but {kind}")
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return text
    raise invalid("not_csv", "the file is not text in UTF-8 or Windows-1252")


def _rows(text: str) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Header and data rows, blank ones left out, and the line each ends on."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = list(reader)
        lines = np.arange(1, len(rows) + 1)
        if reader.line_num == len(rows) and all(rows):
            return rows, lines
        return _rows_with_lines(text, delimiter)
    except csv.Error as error:
        message = f"the file is not CSV: {error}"
        raise InvalidSeriesError([Violation("not_csv", message, line=reader.line_num)]) from None


def _rows_with_lines(text: str, delimiter: str) -> tuple[list[list[str]], NDArray[np.int64]]:
    """The same where rows and lines part: blank lines, or line breaks in quotes."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found = [(row, reader.line_num) for row in reader if any(cell.strip() for cell in row)]
    return [row for row, _ in found], np.array([line for _, line in found], dtype=np.int64)


def _delimiter(text: str) -> str:
    """The one that splits the first line with anything on it into a header we know."""
    start = len(text) - len(text.lstrip())
    header = text[start : start + 4096].splitlines()[0]
    for delimiter in DELIMITERS:
        if _columns(_header_cells(header, delimiter)) is not None:
            return delimiter
    return max(DELIMITERS, key=header.count)


def _header_cells(header: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip() for cell in header.split(delimiter)]


def _columns(header: list[str]) -> tuple[int, int] | None:
    """Positions of time and value, None where one is missing or named twice."""
    found = []
    for names in (TIME_HEADERS, VALUE_HEADERS):
        known = [name.casefold() for name in names]
        at = [i for i, cell in enumerate(header) if cell.strip().casefold() in known]
        if len(at) != 1:
            return None
        found.append(at[0])
    return found[0], found[1]


def _series(rows: list[list[str]], lines: NDArray[np.int64], zone: ZoneInfo) -> LoadSeries:
    header, data, lines = rows[0], rows[1:], lines[1:]
    columns = _columns(header)
    if columns is None:
        raise InvalidSeriesError([_header_violation(header)])
    if not data:
        raise invalid("length", "the file has a header and no rows")
    time_at, value_at = columns
    violations = [
        Violation("columns", f"{len(row)} cells where the header has {len(header)}", i + 1, int(lines[i]))
        for i, row in enumerate(data)
        if len(row) != len(header)
    ]
    if violations:
        raise InvalidSeriesError(violations)
    time_cells = [row[time_at].strip() for row in data]
    times_s, time_violations = _times(time_cells, lines, header[time_at].strip(), zone)
    kw, value_violations = _values([row[value_at].strip() for row in data], lines, header[value_at].strip())
    violations = time_violations + value_violations
    if violations:
        raise InvalidSeriesError(sorted(violations, key=lambda violation: violation.row or 0))
    return LoadSeries(times_s, kw, lines, zone)


def _header_violation(header: list[str]) -> Violation:
    names = ", ".join(_shown(cell) for cell in header[:8])
    wanted = f"one column {_any_of(TIME_HEADERS)} and one column {_any_of(VALUE_HEADERS)}"
    if any("kwh" in cell.casefold() for cell in header):
        wanted += "; energies in kWh are not powers: a quarter-hour's kWh times 4 are its mean kW"
    elif len(header) > 1 and parse_times([header[0].strip()]).valid.all():
        return Violation("header", f"the first line is data; a header is needed with {wanted}", line=1)
    return Violation("header", f"the header names {names}; needed are {wanted}", line=1)


def _times(
    cells: list[str], lines: NDArray[np.int64], column: str, zone: ZoneInfo
) -> tuple[NDArray[np.int64], list[Violation]]:
    parsed = parse_times(cells)

    def violation(rule: str, index: int, message: str) -> Violation:
        return Violation(rule, f"{_shown(cells[index])} {message}", index + 1, int(lines[index]), column)

    if not parsed.valid.all():
        first = next((cells[i] for i in np.flatnonzero(parsed.valid)), None)
        wanted = f"a time written like {_shown(first)}" if first else EXPECTED
        bad = np.flatnonzero(~parsed.valid)
        return parsed.seconds, [violation("time", int(i), f"is not {wanted}") for i in bad]
    if parsed.absolute:
        utc_s = parsed.seconds
    else:
        utc_s, skipped = to_utc(parsed.seconds, zone)
        if skipped.any():
            message = (
                f"does not exist in {zone.key}: the clock went forward over it; name the file's zone with tz"
            )
            return utc_s, [violation("clock_change", int(i), message) for i in np.flatnonzero(skipped)]
    back = np.flatnonzero(np.diff(utc_s) <= 0) + 1
    return utc_s, [
        violation(
            *(
                ("duplicate", int(i), "stands on the row before, too")
                if utc_s[i] == utc_s[i - 1]
                else (
                    "order",
                    int(i),
                    f"comes after {time_text(utc_s[i - 1], zone)}: rows must be oldest first",
                )
            )
        )
        for i in back
    ]


def _values(
    cells: list[str], lines: NDArray[np.int64], column: str
) -> tuple[NDArray[np.float64], list[Violation]]:
    joined = "".join(cells)
    comma = "," in joined and "." not in joined
    if comma:
        cells = [cell.replace(",", ".") for cell in cells]
        joined = joined.replace(",", ".")
    kw = None
    if not _NOT_OF_A_NUMBER.search(joined):
        try:
            kw = np.array(cells, dtype=np.float64)
        except ValueError:
            kw = None
    if kw is not None and (np.abs(kw) <= MAX_VALUE_KW).all():
        return kw, []
    violations = [
        Violation(
            "value",
            f"{_shown(cell.replace('.', ',') if comma else cell)} is not a power in kW",
            i + 1,
            int(lines[i]),
            column,
        )
        for i, cell in enumerate(cells)
        if not _is_power(cell)
    ]
    return np.zeros(len(cells)), violations


def _is_power(cell: str) -> bool:
    return len(cell) <= MAX_CELL and bool(_NUMBER.fullmatch(cell)) and abs(float(cell)) <= MAX_VALUE_KW


def _shown(cell: str) -> str:
    """A cell as an error may repeat it: short, and with nothing unprintable."""
    text = cell if len(cell) <= MAX_CELL else cell[:MAX_CELL] + "..."
    return repr(text)


def _any_of(names: tuple[str, ...]) -> str:
    return " or ".join(f"'{name}'" for name in names)
