"""The one failure type of the model server, which each edge maps once."""

from grpc import StatusCode


class StatusError(Exception):
    """A failure to tell the caller, in TensorFlow Serving's words where it has some."""

    def __init__(self, code: StatusCode, message: str) -> None:
        """Keep what both edges answer: the canonical code and the message."""
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> StatusError:
    """The failure most checks end in: INVALID_ARGUMENT."""
    return StatusError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> StatusError:
    """NOT_FOUND: no such model or version."""
    return StatusError(StatusCode.NOT_FOUND, message)
