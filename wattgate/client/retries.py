"""Which calls are tried again, when, and how many at most.

Everything that is tried again may be repeated: forecasts, backtests and lists change nothing, and another
login only makes another token.
"""

import random
import threading
import time
from dataclasses import dataclass

from wattgate.errors import TimedOut, Unavailable, Untrusted

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MOST_TRIES = 5


@dataclass(frozen=True)
class Deadline:
    """When a caller stops waiting, whatever is tried until then."""

    at_s: float
    """On the monotonic clock."""

    @classmethod
    def after(cls, timeout_s: float) -> "Deadline":
        """So many seconds from now."""
        return cls(time.monotonic() + timeout_s)

    @property
    def left_s(self) -> float:
        """Seconds that are left. Raises TimedOut where there are none."""
        left_s = self.at_s - time.monotonic()
        if left_s <= 0:
            raise TimedOut("There was no answer in time: give it more, timeout_s")
        return left_s


class Retries:
    """A client's budget: ten retries, and a tenth of one more for each call, however all of them fare.

    A gateway that is in trouble gets a tenth more calls by it than without, not a multiple.
    """

    MOST, PER_CALL = 10.0, 0.1

    def __init__(self) -> None:
        """Full."""
        self._left = self.MOST
        self._lock = threading.Lock()

    def called(self) -> None:
        """Count a call, the first try of it."""
        with self._lock:
            self._left = min(self._left + self.PER_CALL, self.MOST)

    def pause_s(self, tries: int, error: Unavailable, deadline: Deadline) -> float | None:
        """How long to wait before the next try, after so many; None where there should be none."""
        if isinstance(error, TimedOut | Untrusted) or tries >= _MOST_TRIES:
            return None
        grown_s = min(_FIRST_PAUSE_S * 2 ** (tries - 1), _LONGEST_PAUSE_S)
        # Half of it by chance, so that many who failed together do not come back together.
        pause_s = (error.retry_after_s or 0.0) + grown_s * random.uniform(0.5, 1.0)  # noqa: S311
        return pause_s if time.monotonic() + pause_s < deadline.at_s and self._spend() else None

    def _spend(self) -> bool:
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True
