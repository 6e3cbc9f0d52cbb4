"""Logging in, and letting callers in: the two questions of identity, asked by both edges."""

import hashlib
import logging
import time
from dataclasses import dataclass, field

from services.core.errors import UnauthenticatedError
from services.gateway import passwords
from services.gateway.tokens import Token, Tokens
from services.gateway.users import UserStore

log = logging.getLogger(__name__)

KNOWN_S = 1.0
"""How long a caller who was let in need not be looked at again: at most so much later than its user is
disabled does a token stop working. A signature and a look into the table cost as much as a forecast."""

_MOST_KNOWN = 10_000
"""Callers remembered at a time."""


class WrongCredentialsError(Exception):
    """No such user, a disabled one, or another password: which of them is not told."""


@dataclass(frozen=True)
class Caller:
    """Who is asking."""

    user_id: str


@dataclass(frozen=True)
class Login:
    """Answers tokens for passwords, and callers for tokens."""

    users: UserStore
    tokens: Tokens
    _known: dict[bytes, tuple[Caller, float]] = field(default_factory=dict)
    """Callers let in and until when they are known, on the monotonic clock; by the digest of their token."""

    async def token(self, username: str, password: str) -> Token:
        """A token for a user's name and password.

        Raises WrongCredentialsError, and PasswordRuleError for a password longer than any can be.
        """
        passwords.check_length(password)
        user = await self.users.by_name(username)
        matches = await passwords.password_matches(password, user.password_hash if user else None)
        is_in = user is not None and matches and not user.disabled
        log.info("login", extra={"username": username[:64], "outcome": "let in" if is_in else "refused"})
        if user is None or not is_in:
            raise WrongCredentialsError
        return self.tokens.issue(user.id)

    async def caller(self, token: str | None) -> Caller:
        """Who a token was issued for.

        Raises UnauthenticatedError for no token, a bad one, or one whose user is gone or disabled.
        """
        if token is None:
            raise UnauthenticatedError(token_given=False)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        caller, until = self._known.get(digest, (None, 0.0))
        if caller and time.monotonic() < until:
            return caller
        user = await self.users.by_id(self.tokens.verify(token))
        if user is None or user.disabled:
            raise UnauthenticatedError(token_given=True)
        caller = Caller(user.id)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[digest] = (caller, time.monotonic() + KNOWN_S)
        return caller
