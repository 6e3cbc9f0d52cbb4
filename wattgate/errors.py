"""What can go wrong between a caller and a gateway, each error the same over HTTPS and gRPC."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Violation:
    """One rule broken at one place of what was sent."""

    rule: str
    """Stable name of the rule, e.g. gap, flat or range."""
    message: str
    """What is wrong there, in words."""
    row: int | None = None
    """Data row, from 1 after the header; of a series, the value."""
    line: int | None = None
    """Line of the file."""
    column: str | None = None
    """Header of the column, where one is to blame; or name of the option."""


class WattgateError(Exception):
    """Whatever kept a call from its answer; the message says what, and is written for people."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep what the gateway said of it, as far as it was asked."""
        super().__init__(message)
        self.status = status
        """HTTP's number for the failure, over gRPC too; None where no gateway answered."""
        self.reason = reason
        """Stable name of the failure, e.g. INVALID_HISTORY."""
        self.request_id = request_id
        """The call's own, as in the gateway's log."""


class Refused(WattgateError):
    """The gateway understood and said no: sending the same again does not help."""

    def __init__(self, message: str, *, violations: tuple[Violation, ...] = (), **said: Any) -> None:
        """Keep what is wrong where, too."""
        super().__init__(message, **said)
        self.violations = violations
        """20 at most; none where the whole request is meant."""

    @property
    def rule(self) -> str | None:
        """The first rule that was broken."""
        return self.violations[0].rule if self.violations else None


class Unauthorized(WattgateError):
    """The password is wrong, or the token has run out and there is no password to get another by."""


class Unavailable(WattgateError):
    """The gateway cannot be reached, or cannot answer now. Calls are tried again before this is raised."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, **said: Any) -> None:
        """Keep when the gateway said to come again, too; None where it did not."""
        super().__init__(message, **said)
        self.retry_after_s = retry_after_s


class TimedOut(Unavailable):
    """No answer in the time there was."""


class Untrusted(Unavailable):
    """Whoever answers does not prove to be the gateway that was named: nothing was sent to it."""


class InvalidLoad(WattgateError, ValueError):
    """A frame or an option that cannot be sent."""


class MissingPackage(WattgateError, ImportError):
    """A package that this needs is not installed; the message says how to."""
