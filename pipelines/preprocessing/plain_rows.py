"""Reading the rows of a plain meter file all at once, eight characters of every row in a step.

Plain rows hold nothing that needs a second look: ASCII without quotes, spaces around cells or blank lines,
all times written alike. For any other file, and for a plain one with a fault, the answer is None: whoever
asks reads it row by row then, and can say what is wrong with which.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.meter_times import FIELDS, LAYOUTS, ParsedTimes, seconds_of
from pipelines.preprocessing.series import MAX_VALUE_KW
from pipelines.preprocessing.wall_clock import Seconds

Characters = NDArray[np.uint8]
Positions = NDArray[np.int64]
Words = NDArray[np.uint64]
"""Eight characters each, the first in the lowest byte."""

_WORD = 8
_BLOCK = 256 * 1024
"""Bytes read in one go, for processors' caches' sake."""
_MAX_LINE = 1024
"""Characters of a plain row."""
_MAX_DIGITS = 15
"""Characters of a short power, its sign not counted: of that many digits a float64 has every number."""
_LAST_ASCII = 0x7F
_NEWLINE, _RETURN, _SPACE, _MINUS = b"\n\r -"
_OFFSETS = ("", "Z", "+AA:aa", "-AA:aa")
"""What may follow an ISO time; A and a stand for the hours and minutes of an offset from UTC."""
_NOT_OF_A_NUMBER = {".": re.compile(rb"[^0-9eE.+-]"), ",": re.compile(rb"[^0-9eE,+-]")}
_FIELDS = frozenset(FIELDS + "Aa")


def _every(byte: int) -> Words:
    """A word of the same byte eight times; an array, as numpy takes those faster than numbers."""
    return np.array(byte * 0x0101_0101_0101_0101, np.uint64)


_ZEROS, _SIXES = _every(ord("0")), _every(6)
_UPPER_HALVES, _TOP_BITS = _every(0xF0), _every(0x80)
_MARKS = {mark: _every(ord(mark) ^ ord("0")) for mark in ".,"}
_PAIRS, _FOURS, _EIGHT = (
    np.array(mask, np.uint64) for mask in (0x00FF_00FF_00FF_00FF, 0x0000_FFFF_0000_FFFF, 0xFFFF_FFFF)
)
_TENS = 10.0 ** np.arange(_MAX_DIGITS + 1)
_UNITS = np.append(1.0, _TENS[:-1])
"""What the last digit counts, by how many characters there are from the decimal mark on."""


@dataclass(frozen=True)
class Columns:
    """What a header says of the rows below it."""

    delimiter: str
    names: tuple[str, ...]
    time_at: int
    value_at: int

    @property
    def count(self) -> int:
        """How many cells a row has."""
        return len(self.names)


class PlainRows(NamedTuple):
    """Time and power of every row."""

    times: ParsedTimes
    """All of them valid."""
    kw: NDArray[np.float64]


def read_plain_rows(content: bytes, first: int, columns: Columns) -> PlainRows | None:
    """The rows from byte `first` on; None where they are not plain."""
    size = len(content)
    if content.endswith(b"\n"):
        size -= 2 if content.endswith(b"\r\n") else 1
    layout = _layout(content[first : first + _MAX_LINE], columns)
    if layout is None or content.find(b'"', first) >= 0:
        return None
    mark = "," if columns.delimiter != "," and content.find(b",", first) >= 0 else "."
    characters = np.frombuffer(content, np.uint8)
    words = np.ndarray((len(content) - _WORD + 1,), "<u8", content, strides=(1,))
    # A year's times are not worth keeping.
    seconds_of_texts = _seconds if size - first <= _BLOCK else _seconds.__wrapped__
    seconds, kw = [], []
    while first < size:
        # Without a line end in all of a block it is empty, and refused.
        last = size if size - first <= _BLOCK else max(content.rfind(b"\n", first, first + _BLOCK), first)
        cells = _cells(characters, first, last, columns)
        if cells is None:
            return None
        starts, ends = cells.column(columns.time_at)
        if (ends - starts != len(layout)).any():
            return None
        texts = words[starts + _plan(layout).at]
        times = seconds_of_texts(texts.tobytes(), layout)
        places = cells.column(columns.value_at)
        powers = _short_powers(characters, words, *places, mark)
        if powers is None:
            powers = _powers(content, *places, mark)
        if times is None or powers is None or np.abs(powers).max() > MAX_VALUE_KW:
            return None
        seconds.append(times)
        kw.append(powers)
        first = last + 1
    times_s = np.concatenate(seconds)
    valid = np.ones(times_s.size, np.bool_)
    return PlainRows(ParsedTimes(times_s, valid, absolute=layout[-1] in "Za"), np.concatenate(kw))


class _Cells(NamedTuple):
    """Where the cells of some rows are."""

    starts: Positions
    """Where each row starts, shape (row,)."""
    edges: Positions
    """What stands after each cell, shape (row, column)."""
    ends: Positions
    """Where each row ends, shape (row,)."""

    def column(self, at: int) -> tuple[Positions, Positions]:
        """Where the cells of a column start and end, shape (row,) each."""
        last = self.edges.shape[1] - 1
        return (
            self.edges[:, at - 1] + 1 if at else self.starts,
            self.edges[:, at] if at < last else self.ends,
        )


def _cells(characters: Characters, first: int, last: int, columns: Columns) -> _Cells | None:
    """The cells of the rows between two bytes; None where a row has more or fewer, or is not plain."""
    data = characters[first:last]
    if data.size < _WORD or data.max() > _LAST_ASCII:
        return None
    is_edge = data == _NEWLINE
    is_edge |= data == ord(columns.delimiter)
    inner = is_edge.nonzero()[0]
    inner += first
    is_newline = characters[inner] == _NEWLINE
    rows = (inner.size + 1) // columns.count
    if (
        inner.size + 1 != rows * columns.count
        or np.count_nonzero(is_newline) != rows - 1
        or not is_newline[columns.count - 1 :: columns.count].all()
    ):
        return None
    edges = np.append(inner, last).reshape(rows, columns.count)
    starts = np.append(first, edges[:-1, -1] + 1)
    ends = edges[:, -1]
    returns = np.count_nonzero(data == _RETURN)
    if returns:
        if returns not in {rows - 1, rows} or (characters[ends[:returns] - 1] != _RETURN).any():
            return None
        ends = ends - (np.arange(rows) < returns)
    if columns.count > len("tv") and (
        # Times and powers are looked at as they are read, but not other cells.
        np.count_nonzero(data < _SPACE) != rows - 1 + returns or (ends - starts).max() > _MAX_LINE
    ):
        return None
    return _Cells(starts, edges, ends)


def _layout(start: bytes, columns: Columns) -> str | None:
    """How the first of the times is written, a letter of _FIELDS for each digit; None for any other way."""
    row = start.partition(b"\n")[0].decode("latin-1").split(columns.delimiter)
    if len(row) != columns.count:
        return None
    cell = row[columns.time_at].rstrip("\r")
    for layout in LAYOUTS:
        iso = layout.startswith("Y")
        for offset in _OFFSETS if iso else ("",):
            written = layout.replace(" ", "T") + offset if iso and "T" in cell else layout + offset
            if len(written) == len(cell) and all(
                "0" <= there <= "9" if mark in _FIELDS else there == mark
                for mark, there in zip(written, cell, strict=True)
            ):
                return written
    return None


@lru_cache(maxsize=8)
def _seconds(texts: bytes, layout: str) -> Seconds | None:
    """Times of a layout, as seconds; None where one is written otherwise, or is none.

    The words of `_plan`, in its order, each of all rows. Meters of a fleet share their times: kept.
    """
    plan = _plan(layout)
    digits = np.frombuffer(texts, "<u8").reshape(plan.at.size, -1) ^ plan.template
    # A byte over 9 shows in its upper half, by itself or with 6 added; a mark that is another, anywhere.
    if ((digits | (digits + plan.sixes)) & plan.zero).any():
        return None
    pairs = digits * 10 + (digits >> 8)
    numbers: dict[str, Positions] = {}
    for field, word, shift in plan.pairs:
        pair = (pairs[word] >> shift & 0xFF).view(np.int64)
        numbers[field] = numbers[field] * 100 + pair if field in numbers else pair
    seconds, valid = seconds_of(dict.fromkeys(FIELDS, np.zeros(pairs.shape[1], np.int64)) | numbers)
    if "a" in layout:
        valid &= (numbers["A"] < 24) & (numbers["a"] < 60)
        offset_s = numbers["A"] * 3600 + numbers["a"] * 60
        seconds += offset_s if "-A" in layout else -offset_s
    seconds.setflags(write=False)
    return seconds if valid.all() else None


class _Plan(NamedTuple):
    """How to read a layout: a word for every eight characters, shape (word, 1)."""

    at: Positions
    """The character that each word begins with; they may overlap."""
    template: Words
    """The layout with a 0 for every digit."""
    sixes: Words
    """6 for every digit, 0 for every mark."""
    zero: Words
    """The bits that are 0 in a text of the layout without the template, and with the sixes added."""
    pairs: list[tuple[str, int, int]]
    """Field, word and bit of every two digits, the first of a field first."""


@cache
def _plan(layout: str) -> _Plan:
    last = len(layout) - _WORD
    at = sorted({*range(0, last, _WORD), last})
    digit = [mark in _FIELDS for mark in layout]

    def as_words(characters: Iterable[int]) -> Words:
        every = bytes(characters)
        return np.array([[int.from_bytes(every[i : i + _WORD], "little")] for i in at], np.uint64)

    pairs = []
    for i, field in enumerate(layout):
        if field in _FIELDS and (i - layout.index(field)) % 2 == 0:
            word = next(k for k, begin in enumerate(at) if begin <= i <= begin + _WORD - 2)
            pairs.append((field, word, 8 * (i - at[word])))
    return _Plan(
        np.array(at)[:, np.newaxis],
        as_words(ord("0") if is_digit else ord(mark) for mark, is_digit in zip(layout, digit, strict=True)),
        as_words(6 * is_digit for is_digit in digit),
        as_words(0xF0 if is_digit else 0xFF for is_digit in digit),
        pairs,
    )


def _powers(content: bytes, starts: Positions, ends: Positions, mark: str) -> NDArray[np.float64] | None:
    """Numbers one by one; None where one is none."""
    cells = [content[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    joined = b"".join(cells)
    if _NOT_OF_A_NUMBER[mark].search(joined):
        return None
    if mark == ",":
        cells = [cell.replace(b",", b".") for cell in cells]
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return None


def _short_powers(
    characters: Characters, words: Words, starts: Positions, ends: Positions, mark: str
) -> NDArray[np.float64] | None:
    """Numbers of some digits, all at once; None where one is longer, has an exponent, or is none.

    Each is a whole number below 2**53 by a power of ten, which one division rounds as it should.
    """
    # An empty cell at the end of the file starts beyond it.
    negative = characters.take(starts, mode="clip") == _MINUS
    length = ends - starts - negative
    longest = length.max()
    if length.min() < 1 or longest > _MAX_DIGITS:
        return None
    last = _eight_digits(words[ends - _WORD], length, mark)
    if last is None:
        return None
    digits, from_mark = last
    if longest > _WORD:
        # The header alone has more characters than are missing before the first of these words.
        first = _eight_digits(words[ends - 2 * _WORD], np.maximum(length - _WORD, 0), mark)
        if first is None or (first[1] * from_mark).any():
            return None
        digits += first[0] * 1e8
        from_mark += np.where(first[1] > 0, first[1] + _WORD, 0)
    if (length == (from_mark > 0)).any():
        return None
    # 12.5 is 1205 now, the mark being a 0: without it, 12 * (100 - 10) less.
    unit, ten_units = _UNITS[from_mark], _TENS[from_mark]
    kw: NDArray[np.float64] = (digits - np.floor(digits / ten_units) * (ten_units - unit)) / unit
    return np.where(negative, -kw, kw) if negative.any() else kw


def _eight_digits(words: Words, length: Positions, mark: str) -> tuple[NDArray[np.float64], Positions] | None:
    """The number in the last `length` characters of words, eight at most, and how many from the mark on.

    The mark is read as a 0; without one there are none from it on. None where there is anything else, or
    two marks.
    """
    before = (8 * (_WORD - np.minimum(length, _WORD))).view(np.uint64)
    digits = words ^ _ZEROS
    digits >>= before
    digits <<= before
    # ASCII has no eighth bit: here one is left only where the byte subtracted is 0.
    marks = _TOP_BITS - (digits ^ _MARKS[mark])
    marks &= _TOP_BITS
    lowest = marks >> 7
    digits &= ~(lowest * 0xFF)
    if ((digits | (digits + _SIXES)) & _UPPER_HALVES).any() or (marks & (marks - 1)).any():
        return None
    pairs = (digits * 10 + (digits >> 8)) & _PAIRS
    fours = (pairs * 100 + (pairs >> 16)) & _FOURS
    number = (fours * 10_000 + (fours >> 32)) & _EIGHT
    return number.astype(np.float64), np.bitwise_count(-lowest).astype(np.int64) >> 3
