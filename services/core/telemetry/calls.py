"""The call being answered: the id it goes by on every hop, and what its log line tells of it."""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count

REQUEST_ID = "x-request-id"
"""HTTP header and gRPC metadata that carries the id, both ways."""

_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")

_OURS, _COUNT = secrets.token_hex(8), count(1)
"""What ids made by this process begin with, and how many there are: no secret, so no random bits for each."""


@dataclass(slots=True)
class Call:
    """One call on one edge; whoever learns more of it says so here."""

    request_id: str
    model: str = ""
    """As the caller named it; not to be a metric's label before it was looked at."""
    version: int | None = None
    """That answered."""
    caller: str = ""
    """Id of the user or client whose token it came with, once that was found good."""
    input_sha256: str = ""
    """Of what a forecast was made from."""
    fallback: str = ""
    """Rules that were broken where no model was asked, with blanks between."""


_current: ContextVar[Call | None] = ContextVar("call", default=None)

current = _current.get
"""The call that the running task works for; None where it works for none."""


def begin(request_id: str | None) -> Call:
    """The running task works for a new call: by its caller's id where that is one, else by a new one."""
    call = Call(chosen(request_id))
    _current.set(call)
    return call


def chosen(request_id: str | None) -> str:
    """A caller's id where it is 1 to 64 harmless characters, else a new one.

    >>> chosen("order-66.b")
    'order-66.b'
    >>> chosen("two lines\\n") == "two lines\\n"
    False
    """
    return request_id if request_id and _TAKEN.fullmatch(request_id) else f"{_OURS}{next(_COUNT):016x}"


def request_id() -> str | None:
    """The id of the current call; None outside of calls."""
    call = current()
    return call.request_id if call else None


def caller() -> str:
    """Id of who made the current call; empty outside of calls, and before it is known."""
    call = current()
    return call.caller if call else ""


def note_caller(caller: str) -> None:
    """Tell the current call whose it is."""
    call = current()
    if call:
        call.caller = caller


def note_input(sha256: str) -> None:
    """Tell the current call what it was given."""
    call = current()
    if call:
        call.input_sha256 = sha256


def note_fallback(rule: str) -> None:
    """Tell the current call that a fallback answers, for it or for one history of many."""
    call = current()
    if call and rule not in call.fallback.split():
        call.fallback = f"{call.fallback} {rule}".lstrip()


def note(model: str, version: int | None = None) -> None:
    """Tell the current call which model it asks, and which version of it answers."""
    call = current()
    if call:
        call.model = model
        call.version = version
