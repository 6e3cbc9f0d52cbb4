"""Reading the rows of a plain meter file all at once, eight characters of every row in a step.

Plain rows hold nothing that needs a second look: ASCII without quotes, tabs or blank lines, all times
written alike, powers of at most 16 characters. For any other file, and for a plain one with a fault, the
answer is None: whoever asks reads it row by row then, and can say what is wrong with which.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.preprocessing.meter_times import FIELDS, LAYOUTS, ParsedTimes, seconds_of
from pipelines.preprocessing.series import MAX_VALUE_KW
from pipelines.preprocessing.wall_clock import Seconds

Positions = NDArray[np.int64]
Characters = NDArray[np.uint8]
Words = NDArray[np.uint64]
"""Eight characters each, the first in the lowest byte."""

_WORD = 8
_MAX_LINE = 1024
"""Characters of a plain row."""
_BLOCK = 128 * 1024
"""Bytes read in one go, for processors' caches' sake."""
_MAX_POWER = 2 * _WORD
"""Characters of a plain power, its sign not counted."""
_LAST_ASCII = 0x7F
_NEWLINE, _RETURN, _SPACE, _MINUS = b"\n\r -"
_OFFSETS = ("", "Z", "+AA:aa", "-AA:aa")
"""What may follow an ISO time; A and a stand for the hours and minutes of an offset from UTC."""
_FIELDS = frozenset(FIELDS + "Aa")

_EVERY = 0x0101_0101_0101_0101
"""A byte times this is a word of it, eight times."""
_TENS = 10 ** np.arange(_MAX_POWER + 1, dtype=np.uint64)


@dataclass(frozen=True)
class Columns:
    """What a header says of the rows below it."""

    delimiter: str
    count: int
    time_at: int
    value_at: int


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
    mark = b"," if columns.delimiter != "," and content.find(b",", first) >= 0 else b"."
    characters = np.frombuffer(content, np.uint8)
    words = np.ndarray((len(content) - _WORD + 1,), "<u8", content, strides=(1,))
    seconds, kw = [], []
    while first < size:
        # Without a line end in all of a block it is empty, and refused.
        last = size if size - first <= _BLOCK else max(content.rfind(b"\n", first, first + _BLOCK), first)
        cells = _cells(characters, first, last, columns)
        if cells is None:
            return None
        times = _times(words, *cells.column(columns.time_at), layout)
        powers = _powers(characters, words, *cells.column(columns.value_at), mark)
        if times is None or powers is None:
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
    ends: Positions
    """Where each row ends, shape (row,)."""
    delimiters: Positions
    """What stands between its cells, shape (row, column - 1)."""

    def column(self, at: int) -> tuple[Positions, Positions]:
        """Where the cells of a column start and end, shape (row,) each."""
        last = self.delimiters.shape[1]
        return (
            self.delimiters[:, at - 1] + 1 if at else self.starts,
            self.delimiters[:, at] if at < last else self.ends,
        )


def _cells(characters: Characters, first: int, last: int, columns: Columns) -> _Cells | None:
    """The cells of the rows between two bytes; None where a row has more or fewer, or is not plain."""
    data = characters[first:last]
    newlines = np.flatnonzero(data == _NEWLINE) + first
    returns = np.count_nonzero(data == _RETURN)
    if (
        data.size < _WORD
        or data.max() > _LAST_ASCII
        or returns not in {0, newlines.size, newlines.size + 1}
        or np.count_nonzero(data < _SPACE) != newlines.size + returns
    ):
        return None
    starts = np.append(first, newlines + 1)
    ends = np.append(newlines, last)
    if returns:
        ends[:returns] -= 1
        if (characters[ends[:returns]] != _RETURN).any():
            return None
    found = np.flatnonzero(data == ord(columns.delimiter)) + first
    if found.size != starts.size * (columns.count - 1):
        return None
    delimiters = found.reshape(starts.size, columns.count - 1)
    if (
        (delimiters[:, 0] < starts).any()
        or (delimiters[:, -1] > ends).any()
        or (ends - starts).max() > _MAX_LINE
    ):
        return None
    return _Cells(starts, ends, delimiters)


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


def _times(words: Words, starts: Positions, ends: Positions, layout: str) -> Seconds | None:
    """Times of a layout, as seconds; None where one is written otherwise, or is none."""
    if (ends - starts != len(layout)).any():
        return None
    numbers = _numbers(words, starts, layout)
    if numbers is None:
        return None
    seconds, valid = seconds_of(dict.fromkeys(FIELDS, np.zeros(starts.size, np.int64)) | numbers)
    if "a" in layout:
        valid &= (numbers["A"] < 24) & (numbers["a"] < 60)
        offset_s = numbers["A"] * 3600 + numbers["a"] * 60
        seconds += offset_s if "-A" in layout else -offset_s
    return seconds if valid.all() else None


def _numbers(words: Words, starts: Positions, layout: str) -> dict[str, Positions] | None:
    """The number in each field of a layout, shape (row,); None where a row does not have the layout."""
    plan = _plan(layout)
    digits = words[starts[:, np.newaxis] + plan.at] ^ plan.template
    # A byte over 9 shows in its upper half, by itself or with 6 added; a mark that is another, anywhere.
    if ((digits | (digits + plan.sixes)) & plan.zero).any():
        return None
    pairs = digits * 10 + (digits >> 8)
    numbers: dict[str, Positions] = {}
    for field, word, shift in plan.pairs:
        pair = (pairs[:, word] >> shift & 0xFF).view(np.int64)
        numbers[field] = numbers[field] * 100 + pair if field in numbers else pair
    return numbers


class _Plan(NamedTuple):
    """How to read a layout: one word for eight characters, shape (word,)."""

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
        return np.array([int.from_bytes(every[i : i + _WORD], "little") for i in at], np.uint64)

    pairs = []
    for i, field in enumerate(layout):
        if field in _FIELDS and (i - layout.index(field)) % 2 == 0:
            word = next(k for k, begin in enumerate(at) if begin <= i <= begin + _WORD - 2)
            pairs.append((field, word, 8 * (i - at[word])))
    return _Plan(
        np.array(at),
        as_words(ord("0") if is_digit else ord(mark) for mark, is_digit in zip(layout, digit, strict=True)),
        as_words(6 * is_digit for is_digit in digit),
        as_words(0xF0 if is_digit else 0xFF for is_digit in digit),
        pairs,
    )


def _powers(
    characters: Characters, words: Words, starts: Positions, ends: Positions, mark: bytes
) -> NDArray[np.float64] | None:
    """Decimal numbers; None where one is written otherwise, or is no power.

    Each is a whole number below 2**53 by a power of ten below 2**53, which one division rounds as it should.
    """
    if (starts >= ends).any():
        return None
    negative = characters[starts] == _MINUS
    length = (ends - starts - negative).astype(np.uint64)
    longest = length.max()
    if not 1 <= length.min() <= longest <= _MAX_POWER:
        return None
    last = _eight_digits(words[ends - _WORD], np.minimum(length, _WORD), mark)
    if last is None:
        return None
    number, from_mark = last
    if longest > _WORD:
        # The header alone has more characters than are missing before the first of these words.
        first = _eight_digits(words[ends - 2 * _WORD], np.maximum(length, _WORD) - _WORD, mark)
        if first is None or (first[1] * from_mark).any():
            return None
        number += first[0] * 10**_WORD
        from_mark += np.where(first[1] > 0, first[1] + _WORD, 0)
    if (length == (from_mark > 0)).any():
        return None
    whole, decimals = np.divmod(number, _TENS[from_mark])
    unit = _TENS[np.maximum(from_mark, 1) - 1]
    kw = (whole * unit + decimals) / unit
    return np.where(negative, -kw, kw) if (kw <= MAX_VALUE_KW).all() else None


def _eight_digits(words: Words, length: Words, mark: bytes) -> tuple[Words, Words] | None:
    """The number in the last characters of words, and how many there are from the decimal mark on.

    A mark is read as a 0; without one the second is 0. None where there is anything else, or two marks.
    """
    bits = 8 * (_WORD - length)
    digits = (words ^ ord("0") * _EVERY) >> bits << bits
    # ASCII has no eighth bit: here it is left only where the byte subtracted is 0.
    marks = 0x80 * _EVERY - (digits ^ (mark[0] ^ ord("0")) * _EVERY) & 0x80 * _EVERY
    digits &= ~((marks >> 7) * 0xFF)
    if ((digits | (digits + 6 * _EVERY)) & 0xF0 * _EVERY).any() or (marks & (marks - 1)).any():
        return None
    pairs = digits * 10 + (digits >> 8) & 0x00FF_00FF_00FF_00FF
    fours = pairs * 100 + (pairs >> 16) & 0x0000_FFFF_0000_FFFF
    number = fours * 10_000 + (fours >> 32) & 0xFFFF_FFFF
    return number.astype(np.uint64, copy=False), np.bitwise_count(-(marks >> 7)).astype(np.uint64) // 8
