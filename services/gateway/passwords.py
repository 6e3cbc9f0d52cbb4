"""Password hashes: bcrypt, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import bcrypt

T = TypeVar("T")

COST = 12
MIN_LENGTH = 15
"""Characters; NIST SP 800-63B-4 for a password that is the only factor."""
MAX_BYTES = 72
"""bcrypt reads no further."""

# bcrypt lets go of the interpreter lock; two at a time leave the event loop its share of two cores.
_WORKERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="bcrypt")


class PasswordRuleError(ValueError):
    """A password that may not be set; the message says which rule it breaks."""


def check_rules(password: str) -> None:
    """Raise PasswordRuleError where a new password is too short or too long."""
    if len(password) < MIN_LENGTH:
        raise PasswordRuleError(f"a password needs at least {MIN_LENGTH} characters")
    check_length(password)


def check_length(password: str) -> None:
    """Raise PasswordRuleError where a password has more bytes than bcrypt reads."""
    if len(password.encode()) > MAX_BYTES:
        raise PasswordRuleError(f"a password may have at most {MAX_BYTES} bytes")


async def hash_password(password: str) -> str:
    """The bcrypt hash of a password that keeps the rules."""
    check_rules(password)
    hashed = await _in_worker(bcrypt.hashpw, password.encode(), bcrypt.gensalt(COST))
    return hashed.decode()


async def password_matches(password: str, hashed: str | None) -> bool:
    """Whether a password is the hash's; with no hash it is not, after just as long."""
    return await _in_worker(_matches, password.encode(), None if hashed is None else hashed.encode())


def _matches(password: bytes, hashed: bytes | None) -> bool:
    return bcrypt.checkpw(password, hashed or _nobodys_hash()) and hashed is not None


@cache
def _nobodys_hash() -> bytes:
    return bcrypt.hashpw(b"", bcrypt.gensalt(COST))


async def _in_worker(work: Callable[..., T], *arguments: bytes | None) -> T:
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, work, *arguments)
