"""What a caller takes an answer as."""

import contextlib
from collections.abc import Sequence

import mimeparse
from fastapi import Request

from services.core.errors import NotAcceptableError

VARIES = {"Vary": "Accept"}
"""What an answer says that could have been another."""

_MOST_CHARACTERS = 512
"""Of an Accept header: browsers send 150. Reading one takes the square of its length."""


def best_of(request: Request, offered: Sequence[str]) -> str:
    """The media type that a caller likes best of those offered, the first where it is all the same to it.

    Raises NotAcceptableError.
    """
    accept = ",".join(request.headers.getlist("accept")).lower()
    if not accept:
        return offered[0]
    best = ""
    if len(accept) <= _MOST_CHARACTERS:
        with contextlib.suppress(mimeparse.MimeTypeParseException):
            best = mimeparse.best_match(offered[::-1], accept)
    if not best:
        raise NotAcceptableError(f"Accept names nothing that is answered here: {' or '.join(offered)}")
    return best
