"""Between UTC and the wall clock of a zone, for whole arrays at once.

Times are int64 seconds: since 1970-01-01 00:00 UTC, or the same count read off a wall clock. pandas
converts too, but costs each gateway process 46 MB (docs/decisions/0004).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int64]

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
    """All clock changes of a zone between two years, both included."""
    start = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp()) - _DAY_S
    end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp()) + _DAY_S
    at: list[int] = []
    offsets = [_offset_s(zone, start)]
    for day in range(start + _DAY_S, end + 1, _DAY_S):
        if _offset_s(zone, day) == offsets[-1]:
            continue
        before, after = day - _DAY_S, day
        while after - before > 1:
            middle = (before + after) // 2
            if _offset_s(zone, middle) == offsets[-1]:
                before = middle
            else:
                after = middle
        at.append(after)
        offsets.append(_offset_s(zone, day))
    return Transitions(np.array(at, dtype=np.int64), np.array(offsets, dtype=np.int64))


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


def to_utc(local_s: Seconds, zone: ZoneInfo) -> tuple[Seconds, NDArray[np.bool_]]:
    """UTC of a log kept by a zone's wall clock, in the order it was written.

    Where the clock goes back, an hour's readings occur twice: the first run is taken to be before the
    change, the second, which starts where the readings step back, to be after it. A log that starts
    within the doubled hour and passes through it once starts after the change.

    Returns the times and a mask of the readings that no clock ever showed, in the hour that a change
    to summer time leaves out; their times mean nothing.
    """
    changes = _around(local_s, zone)
    before, after = changes.offset_s[:-1], changes.offset_s[1:]
    surely_s, possibly_s = changes.at_s + np.maximum(before, after), changes.at_s + np.minimum(before, after)
    first = surely_s.searchsorted(local_s.min(), side="right")
    if first == possibly_s.searchsorted(local_s.max(), side="right"):
        # No change is near, as in most weeks.
        return local_s - changes.offset_s[first], np.zeros(local_s.size, np.bool_)
    passed_for_sure = surely_s.searchsorted(local_s, side="right")
    passed_at_most = possibly_s.searchsorted(local_s, side="right")
    unsure = np.flatnonzero(passed_for_sure != passed_at_most)
    forward = (after > before)[passed_for_sure[unsure]]
    skipped = np.zeros(local_s.size, np.bool_)
    skipped[unsure[forward]] = True
    passed = passed_for_sure.copy()
    passed[_second_runs(local_s, unsure[~forward], passed_for_sure)] += 1
    return local_s - changes.offset_s[passed], skipped


def _second_runs(local_s: Seconds, doubled: NDArray[np.intp], change: NDArray[np.intp]) -> list[int]:
    """Of the readings in doubled hours, those that were taken after the change."""
    after: list[int] = []
    for hour in np.unique(change[doubled]):
        readings = doubled[change[doubled] == hour]
        steps_back = np.flatnonzero(np.diff(local_s[readings]) <= 0)
        if steps_back.size:
            after.extend(readings[steps_back[0] + 1 :].tolist())
        elif readings[0] == 0 and readings[-1] + 1 < local_s.size:
            after.extend(readings.tolist())
    return after
