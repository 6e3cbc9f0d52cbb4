"""Between UTC and the wall clock of a zone, for whole arrays at once.

Times are int64 seconds: since 1970-01-01 00:00 UTC, or the same count read off a wall clock. pandas
converts too, but costs each gateway process 46 MB (docs/decisions/0004).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int64]

DoubledHour = Literal["order", "first", "second"]
"""What tells which of two hours of the same name a log means: see `to_utc`."""

EARLIEST_S = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp())
LATEST_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
"""Times are taken from EARLIEST_S up to and without LATEST_S."""

_DAY_S = 86_400
_ZONES = available_timezones() - {"Factory", "localtime", "posixrules"}


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of a name; raises ValueError where there is none. The machine's own zone is not one."""
    if name not in _ZONES:
        raise ValueError(f"{name[:64]!r} is not a time zone; name one like Europe/Berlin or UTC")
    return ZoneInfo(name)


@dataclass(frozen=True)
class Transitions:
    """The clock changes of a zone: at `at_s` (UTC) the offset goes from `offset_s[i]` to `[i + 1]`."""

    at_s: Seconds
    offset_s: Seconds


def _offset_s(zone: ZoneInfo, utc_s: int) -> int:
    offset = datetime.fromtimestamp(utc_s, zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zoned time has an offset
    return int(offset.total_seconds())


@lru_cache(maxsize=64)
def transitions(zone: ZoneInfo, first_year: int, last_year: int) -> Transitions:
    """All clock changes of a zone between two years, both included, and on the day before and after them."""
    start = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp()) - _DAY_S
    end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp()) + _DAY_S
    years = range(first_year - 1, last_year + 2)
    at = [at_s for year in years for at_s in _changes(zone, year) if start < at_s <= end]
    offsets = [_offset_s(zone, start), *(_offset_s(zone, at_s) for at_s in at)]
    return Transitions(np.array(at, dtype=np.int64), np.array(offsets, dtype=np.int64))


@cache
def _changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """When a zone's offset changes in a year of UTC. Found once: a file may name any years and any zone."""
    start, end = (int(datetime(year + i, 1, 1, tzinfo=UTC).timestamp()) for i in (0, 1))
    at, offset = [], _offset_s(zone, start - 1)
    for day in range(start, end, _DAY_S):
        # From the second before, or a change at midnight would be no one's.
        before, after = day - 1, day + _DAY_S - 1
        offset_after = _offset_s(zone, after)
        if offset_after == offset:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset_s(zone, middle) == offset:
                before = middle
            else:
                after = middle
        at.append(after)
        offset = offset_after
    return tuple(at)


_NOWADAYS = (2025, 2030)
"""Years whose clocks decide where steps begin."""


@cache
def grid_s(zone_name: str, resolution_s: int) -> int:
    """Where steps counted from a zone's midnight begin: seconds after midnight UTC, less than a step.

    Raises ValueError where the zone's clock changes move them, as steps of two hours where it goes on by one.

    >>> grid_s("Europe/Berlin", 3600), grid_s("Asia/Kolkata", 3600)
    (0, 1800)
    """
    offsets_s = set((transitions(ZoneInfo(zone_name), *_NOWADAYS).offset_s % resolution_s).tolist())
    if len(offsets_s) > 1:
        raise ValueError(
            f"time_zone and resolution do not go together: the clock of {zone_name} changes by less than a "
            f"step of {resolution_s} s; take a time zone without clock changes, such as UTC or Etc/GMT-1, or "
            "shorter steps"
        )
    return int(-offsets_s.pop() % resolution_s)


def _around(times_s: Seconds, zone: ZoneInfo) -> Transitions:
    first, last = int(times_s.min()), int(times_s.max())
    return transitions(zone, datetime.fromtimestamp(first, UTC).year, datetime.fromtimestamp(last, UTC).year)


def to_local(utc_s: Seconds, zone: ZoneInfo) -> Seconds:
    """What the zone's wall clock shows at these times.

    >>> summer = np.array([1_750_000_000])
    >>> int(to_local(summer, ZoneInfo("Europe/Berlin"))[0] - summer[0])
    7200
    """
    changes = _around(utc_s, zone)
    offset_s: Seconds = changes.offset_s[np.searchsorted(changes.at_s, utc_s, side="right")]
    return utc_s + offset_s


def to_utc(
    local_s: Seconds, zone: ZoneInfo, *, ends: bool = False, doubled_hour: DoubledHour = "order"
) -> tuple[Seconds, NDArray[np.bool_]]:
    """UTC of a log kept by a zone's wall clock, in the order it was written.

    Where the clock goes back, an hour's readings occur twice: the first run is taken to be before the
    change, the second, which starts where the readings step back furthest, to be after it. Of an hour that
    the log passes through once, `doubled_hour` says whether it is the first or the second; by order, a log
    that starts within it starts after the change, and any other has it before: that leaves the fewest gaps.

    With `ends` the readings are the ends of steps. A step may end when the clock changes, and is written as
    the clock went on or as it was set: 02:00 or 03:00 where summer time begins, 03:00 or 02:00 where it ends.

    Returns the times and a mask of the readings that no clock ever showed, in the hour that a change
    to summer time leaves out; their times mean nothing.
    """
    changes = _around(local_s, zone)
    before, after = changes.offset_s[:-1], changes.offset_s[1:]
    surely_s, possibly_s = changes.at_s + np.maximum(before, after), changes.at_s + np.minimum(before, after)
    side: Literal["left", "right"] = "left" if ends else "right"
    first = surely_s.searchsorted(local_s.min(), side=side)
    if first == possibly_s.searchsorted(local_s.max(), side="right"):
        # No change is near, as in most weeks.
        return local_s - changes.offset_s[first], np.zeros(local_s.size, np.bool_)
    passed = surely_s.searchsorted(local_s, side=side)
    unsure = np.flatnonzero(passed != possibly_s.searchsorted(local_s, side="right"))
    change = passed[unsure]
    forward = (after > before)[change]

    left_out, opens_s, closes_s = unsure[forward], possibly_s[change[forward]], surely_s[change[forward]]
    skipped = np.zeros(local_s.size, np.bool_)
    # Without `ends`, the time that closes the hour is sure, and none of these.
    skipped[left_out] = ~((local_s[left_out] == opens_s) & ends | (local_s[left_out] == closes_s))
    passed[left_out[local_s[left_out] == closes_s]] += 1

    for hour in np.unique(change[~forward]):
        readings = unsure[change == hour]
        # A step that ends where the doubled hour begins is not one of its own.
        inside = local_s[readings] > possibly_s[hour] if ends else np.ones(readings.size, np.bool_)
        passed[_second_run(local_s, readings, inside, doubled_hour)] += 1
    return local_s - changes.offset_s[passed], skipped


def _second_run(
    local_s: Seconds, readings: NDArray[np.intp], inside: NDArray[np.bool_], doubled_hour: DoubledHour
) -> NDArray[np.intp]:
    """Of the readings in a doubled hour, or at its edges, those that were taken after the change."""
    steps_s = np.diff(local_s[readings])
    if steps_s.size and steps_s.min() <= 0:
        return readings[steps_s.argmin() + 1 :]
    if doubled_hour == "second":
        return readings[inside]
    if doubled_hour == "order" and readings[0] == 0 and readings[-1] + 1 < local_s.size:
        return readings
    return readings[:0]
