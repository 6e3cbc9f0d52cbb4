"""Load beside a test: functions that are called again and again, each on a thread of its own."""

import threading
import time
from collections.abc import Callable
from typing import Any, Self


class Background:
    """Calls them without a pause, or with one, until the end of the block."""

    def __init__(self, *works: Callable[[], Any], pause_s: float = 0.0) -> None:
        self.answers: list[Any] = []
        self.failures: list[Exception] = []
        """Whatever they raised; none of them ends a thread."""
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(work,)) for work in works]

    def _call(self, work: Callable[[], Any]) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(work())
            except Exception as error:  # noqa: BLE001 - it is the test that judges
                self.failures.append(error)
            time.sleep(self._pause_s)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
