"""Log lines of the standard library's loggers: rendered by structlog, written by a thread of their own."""

import logging
import os
import threading
import time
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Literal

from services.core.telemetry import traces
from services.core.telemetry.calls import request_id
from services.core.telemetry.structlog_alone import EventDict, WrappedLogger, structlog

Form = Literal["json", "text"]

MOST_WAITING = 10_000
"""Lines that wait to be written; further ones are dropped, and counted."""

_FLUSH_S = 1.0
"""Longest the end of the process waits for whoever reads the log."""

_GATHER_S = 0.05
"""How long the first line waits for others."""

_STANDARD_ERROR = 2


class Lines(logging.Handler):
    """Hands lines to a thread that writes them: nobody who logs waits for whoever reads.

    Writes to the file itself. Python's own stream would be locked by a writer that is stuck, and with it
    the end of the process.
    """

    def __init__(self, formatter: logging.Formatter, file: int = _STANDARD_ERROR) -> None:
        """Begin to write to an open file."""
        super().__init__()
        self.setFormatter(formatter)
        self.dropped = 0
        """Lines that nobody will see."""
        self._file = file
        self._waiting: SimpleQueue[logging.LogRecord | threading.Event] = SimpleQueue()
        threading.Thread(target=self._write, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Note what only the one who logs knows, and leave the rest to the thread."""
        if self._waiting.qsize() >= MOST_WAITING:
            self.dropped += 1
            return
        record.msg, record.args = _message(record), None
        if record.exc_info:
            # Text at once: a traceback would keep alive all that its frames hold.
            record.exception = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        for name, value in (("request_id", request_id()), *traces.ids()):
            if value is not None:
                setattr(record, name, value)
        self._waiting.put(record)

    def flush(self) -> None:
        """Wait until what waits is written, for a moment at most."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(_FLUSH_S)

    def _write(self) -> None:
        told = 0
        while True:
            is_first = self._waiting.empty()
            waiting = self._waiting.get()
            if is_first:
                # Others come soon. To be woken for each of them costs those who log more than this does.
                time.sleep(_GATHER_S)
            if isinstance(waiting, threading.Event):
                waiting.set()
                continue
            if self.dropped > told:
                dropped = self.dropped
                notice = {**_NOTICE, "msg": f"{dropped - told} lines of the log were dropped"}
                if self._put(logging.makeLogRecord(notice)):
                    told = dropped
            if not self._put(waiting):
                self.dropped += 1

    def _put(self, record: logging.LogRecord) -> bool:
        """Write a line; False where that cannot be done, which must not end the others."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            while line:
                line = line[os.write(self._file, line) :]
        except Exception:  # noqa: BLE001 - of the disk, or of what is logged
            return False
        return True


_NOTICE = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
_lines: Lines | None = None


def set_up(form: Form) -> None:
    """Write what every logger says to standard error, one line each.

    JSON, or text for people: where a traceback takes several lines.
    """
    global _lines  # noqa: PLW0603 - one a process, as standard error is
    if form == "json":
        # gRPC's core writes lines of its own form there, mostly of what it answers as a status anyway.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _lines = Lines(formatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[_lines], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that the caller of a stream went away: gRPC's server takes that for an error, with a traceback."""
    return not record.getMessage().startswith("ExecuteBatchError")


def flush() -> None:
    """Wait until what was logged is written, for a moment at most."""
    if _lines:
        _lines.flush()


def dropped() -> int:
    """How many lines nobody will see, as more were logged than could be written."""
    return _lines.dropped if _lines else 0


def formatter(form: Form) -> logging.Formatter:
    """Renders a record as one line of JSON, or as text."""
    shown = structlog.processors.JSONRenderer() if form == "json" else _as_text
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder()], processors=[_described, shown]
    )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - whoever logs must never fail by it
        return f"{record.msg} (and arguments that do not fit)"


def _described(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The members of a line, in the order they are read."""
    record: logging.LogRecord = event.pop("_record")
    del event["_from_structlog"]
    time_utc = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return {
        "time": time_utc.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": event.pop("event"),
        **event,
    }


def _as_text(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    traceback = line.pop("exception", None)
    head = f"{line.pop('time')} {line.pop('level').upper()} {line.pop('logger')}: {line.pop('event')}"
    members = "".join(f" {name}={value}" for name, value in line.items())
    # A traceback has lines of its own, and whoever sent what it quotes may have none.
    lines = [head + members, *(traceback.split("\n") if traceback else ())]
    return "\n    ".join(map(_harmless, lines))


def _harmless(text: str) -> str:
    """The text, with nothing in it that acts in a terminal, or begins a line.

    >>> _harmless("\\x1b[2J")
    '\\\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
