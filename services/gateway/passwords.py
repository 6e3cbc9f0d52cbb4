"""Password hashes: bcrypt, of what a secret of the gateway's makes of a password; off the event loop."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import bcrypt

from services.gateway.guessing import why_guessable

T = TypeVar("T")

COST = 12
MIN_LENGTH = 15
"""Characters; NIST SP 800-63B-4 for a password that is the only factor."""
MAX_BYTES = 1024
"""Nobody types more; a hash must not be a way to keep the gateway busy."""
MIN_PEPPER_BYTES = 32

AT_WORK = 2
"""Passwords hashed at a time: bcrypt lets go of the interpreter lock, and two leave the event loop its share
of two cores."""


def _give_way() -> None:
    """Whoever forecasts goes first: on Linux each thread has a priority of its own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A process that is nicer already may not be less so.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(10, os.getpriority(os.PRIO_PROCESS, thread)))


_WORKERS = ThreadPoolExecutor(max_workers=AT_WORK, thread_name_prefix="bcrypt", initializer=_give_way)

_PLAIN = "$2"
"""How hashes begin that were made before passwords were hashed twice; bcrypt read 72 bytes of them."""
_PLAIN_BYTES = 72


class PasswordRuleError(ValueError):
    """A password that may not be set; the message says which rule it breaks."""


def check_rules(password: str) -> None:
    """Raise PasswordRuleError where a new password is too short or too long."""
    if len(password) < MIN_LENGTH:
        raise PasswordRuleError(f"a password needs at least {MIN_LENGTH} characters")
    check_length(password)


def check_length(password: str) -> None:
    """Raise PasswordRuleError where a password is longer than any may be."""
    if len(_bytes(password)) > MAX_BYTES:
        raise PasswordRuleError(f"a password may have at most {MAX_BYTES} bytes")


class Passwords:
    """Makes hashes and checks them, by a pepper: a secret that is not in the database.

    bcrypt gets the base64 of an HMAC-SHA-384 of the password, so all of its bytes count, zeros too. A hash
    begins with the name of its pepper; those of no pepper, of the one before, and those that were not hashed
    twice still match, and are `outdated`.
    """

    def __init__(self, pepper: bytes = b"", before: bytes = b"") -> None:
        """Hash by `pepper`, none if empty; know the one `before`. Raises ValueError for short ones."""
        for each in (pepper, before):
            if 0 < len(each) < MIN_PEPPER_BYTES:
                raise ValueError(f"a password pepper needs at least {MIN_PEPPER_BYTES} bytes")
        self._name = _name(pepper)
        self._peppers = {_name(each): each for each in (b"", before, pepper)}

    async def hash(self, password: str, username: str) -> str:
        """The hash of a user's new password. Raises PasswordRuleError."""
        check_rules(password)
        if why := await _in_worker(why_guessable, password, username):
            raise PasswordRuleError(
                f"a password must be hard to guess: {why} Take four or more words that have nothing to do "
                "with each other"
            )
        return await self.rehash(password)

    async def rehash(self, password: str) -> str:
        """The hash of a password that is in use already, whatever the rules were when it was set."""
        prepared = _prepared(password, self._peppers[self._name])
        hashed = await _in_worker(bcrypt.hashpw, prepared, bcrypt.gensalt(COST))
        return f"{self._name}:{hashed.decode()}"

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether a password is the hash's; with no hash it is not, after just as long."""
        known: str | None
        if hashed is not None and hashed.startswith(_PLAIN):
            prepared, known = _bytes(password), hashed
            if len(prepared) > _PLAIN_BYTES:
                prepared, known = b"", None
        else:
            name, _, known = (hashed or "").partition(":")
            pepper = self._peppers.get(name)
            prepared = _prepared(password, pepper or b"")
            if pepper is None:
                known = None
        return await _in_worker(_matches, prepared, known.encode() if known else None)

    def outdated(self, hashed: str) -> bool:
        """Whether the hash should be made anew, now that the password is at hand."""
        name, _, own = hashed.partition(":")
        return name != self._name or not own.startswith(f"$2b${COST:02}$")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _prepared(password: str, pepper: bytes) -> bytes:
    return base64.b64encode(hmac.digest(pepper, _bytes(password), "sha384"))


def _name(pepper: bytes) -> str:
    return hashlib.sha256(b"wattgate password pepper" + pepper).hexdigest()[:8]


def _matches(prepared: bytes, hashed: bytes | None) -> bool:
    return bcrypt.checkpw(prepared, hashed or _nobodys_hash()) and hashed is not None


@cache
def _nobodys_hash() -> bytes:
    return bcrypt.hashpw(b"", bcrypt.gensalt(COST))


async def _in_worker(work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, work, *arguments)
