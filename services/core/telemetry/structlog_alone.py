"""structlog without rich, which it takes along where that is installed: 4 MiB for tracebacks in colour."""

import sys

_is_loaded = "rich" in sys.modules
if not _is_loaded:
    sys.modules["rich"] = None  # type: ignore[assignment]  # as for a module that cannot be had
import structlog  # noqa: E402
from structlog.typing import EventDict, WrappedLogger  # noqa: E402

if not _is_loaded:
    del sys.modules["rich"]

__all__ = ["EventDict", "WrappedLogger", "structlog"]
