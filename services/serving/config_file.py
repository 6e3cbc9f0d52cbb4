"""The model config file, read again while serving."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from services.serving import model_config
from services.serving.status import StatusError

log = logging.getLogger(__name__)


class ConfigFile:
    """A file whose content wins, at every look, over what was configured by a request."""

    def __init__(self, path: Path, poll_s: float) -> None:
        """Look every `poll_s` seconds, more than 0; the first time that long from now."""
        self._path = path
        self._poll_s = poll_s
        self._complaint = ""
        self._failed = False
        self.next_poll = time.monotonic() + poll_s
        """When to look, on the monotonic clock."""

    def changed(self, served: Sequence[ModelConfig]) -> list[ModelConfig] | None:
        """The models listed, checked, where they are others than `served` or could not be had before.

        A file that is broken is logged, and what is served stays: None.
        """
        self.next_poll = time.monotonic() + self._poll_s
        try:
            found = model_config.read(self._path)
        except (model_config.ConfigParseError, StatusError) as error:
            self._complain(f"Model config file ignored: {error}")
            return None
        if found == list(served) and not self._failed:
            self._complaint = ""
            return None
        return found

    def applied(self, done: "Future[None]") -> None:
        """Take what came of the models `changed` returned; what failed is asked for again."""
        error = done.exception()
        self._failed = error is not None
        if error:
            self._complain(f"Model config file not fully applied: {error}")

    def _complain(self, text: str) -> None:
        """Say it once, not at every look."""
        if text != self._complaint:
            log.error("%s", text)
        self._complaint = text
