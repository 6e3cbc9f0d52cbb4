"""Writes meter files in every format that is read, by zoneinfo and csv."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=15)


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    zone: ZoneInfo
    time_format: str
    """Of strftime; what the offset is put behind, if there is one."""
    offset: Literal["none", "local", "Z"]
    labels: Literal["start", "end"]
    as_set: bool
    """Whether a step that ends with a clock change ends at the time the clock was set to, or went on to."""
    midnight_24: bool
    unit: Literal["kW", "kWh"]
    separator: str
    mark: str
    thousands: bool
    quoted: bool
    encoding: str
    newline: str
    time_header: str
    value_header: str
    titles: tuple[tuple[str, ...], ...]
    extra: tuple[tuple[str, str], ...]
    """Header and cell of columns that hold no load."""
    order: tuple[int, ...]
    """Where time, load and the extra columns stand."""
    total: bool

    def write(self, start: datetime, kw: Sequence[Decimal]) -> bytes:
        """The file of a load in quarter-hours from `start`, UTC."""
        values = [power / 4 if self.unit == "kWh" else power for power in kw]
        headers, cells = [name for name, _ in self.extra], [cell for _, cell in self.extra]
        rows = [[self._time(start + i * STEP), self._number(value), *cells] for i, value in enumerate(values)]
        if self.total:
            rows.append(["Summe", self._number(sum(values, Decimal(0))), *["" for _ in cells]])
        table = [[self.time_header, self.value_header, *headers], *rows]
        text = io.StringIO(newline="")
        writer = csv.writer(
            text,
            delimiter=self.separator,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL,
        )
        writer.writerows(self.titles)
        writer.writerows([row[i] for i in self.order] for row in table)
        return text.getvalue().encode(self.encoding)

    def _time(self, start: datetime) -> str:
        zone = UTC if self.offset == "Z" else self.zone
        shown = start.astimezone(zone)
        if self.labels == "end":
            # Adding to a time with a zone is adding to what its clock shows.
            shown = (start + STEP).astimezone(zone) if self.as_set or self.offset != "none" else shown + STEP
        offset = {"none": "", "local": shown.strftime("%z"), "Z": "Z"}[self.offset]
        if offset not in {"", "Z"}:
            offset = f"{offset[:3]}:{offset[3:]}"
        if self.midnight_24 and (shown.hour, shown.minute) == (0, 0):
            day_before = shown.replace(tzinfo=None) - timedelta(days=1)
            return day_before.strftime(self.time_format.replace("%H", "24")) + offset
        return shown.strftime(self.time_format) + offset

    def _number(self, value: Decimal) -> str:
        if not self.thousands:
            return f"{value:f}".replace(".", self.mark)
        # Without a decimal mark there is no telling what a mark between thousands is.
        digits = max(-int(value.as_tuple().exponent), 1)
        grouped = f"{value:,.{digits}f}"
        return grouped.translate(str.maketrans(",.", ".,")) if self.mark == "," else grouped
