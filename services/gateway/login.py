"""Logging in, and letting callers in: the two questions of identity, asked by both edges."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.core.errors import ForbiddenError, UnauthenticatedError
from services.core.telemetry.calls import note_caller
from services.gateway.issuers import Issuer, issuer_named
from services.gateway.passwords import AT_WORK, Passwords, check_length
from services.gateway.store.accounts import normalised
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD, Client, ClientStore
from services.gateway.store.throttle import Throttle
from services.gateway.store.users import User, UserStore
from services.gateway.tokens import Token, Tokens

log = logging.getLogger(__name__)

KNOWN_S = 1.0
"""How long a caller who was let in need not be looked at again: at most so much later than its user is
disabled does a token stop working. A signature and a look into the table cost as much as a forecast."""

_MOST_KNOWN = 10_000
"""Callers remembered at a time."""

MOST_WAITING = 64
"""Logins that wait for a hash, a quarter of a second each on two threads; further ones are refused."""

NO_CLIENT = "wattgate"
"""`client_id` of tokens that no client asked for: the thesis' own callers name none."""


class LoginError(Exception):
    """No token is given; `error` is why in OAuth2's words (RFC 6749, 5.2), the message is for people."""

    error = "invalid_request"


class WrongCredentialsError(LoginError):
    """No such user, a disabled one, or another password: which of them is not told."""

    error = "invalid_grant"

    def __init__(self) -> None:
        """Say what the thesis says."""
        super().__init__("Incorrect username or password")


class TooManyLoginsError(LoginError):
    """Too many failed, or too many wait; whoever comes again later is heard."""

    error = "temporarily_unavailable"

    def __init__(self, message: str, retry_after_s: int) -> None:
        """Say when."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class WrongClientError(LoginError):
    """No such client, a disabled one, or another secret: which of them is not told."""

    error = "invalid_client"

    def __init__(self) -> None:
        """Say no more."""
        super().__init__("Unknown client, or not its secret")


class UnsupportedGrantError(LoginError):
    """This gateway gives no tokens that way."""

    error = "unsupported_grant_type"


class UnauthorizedClientError(LoginError):
    """The client may not ask for tokens that way."""

    error = "unauthorized_client"


class InvalidScopeError(LoginError):
    """More is asked for than may be given."""

    error = "invalid_scope"


class Lanes(asyncio.Semaphore):
    """As many as hash passwords at a time, and how many wait for them."""

    def __init__(self) -> None:
        """Nobody waits."""
        super().__init__(AT_WORK)
        self.waiting = 0

    async def acquire(self) -> Literal[True]:
        """Wait for a lane."""
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


@dataclass(frozen=True)
class Caller:
    """Who is asking, and what for it may."""

    id: str
    """Of a user or a client; of somebody else's, with its issuer before it."""
    scopes: frozenset[str]


@dataclass(frozen=True)
class Login:
    """Answers tokens for passwords and secrets, and callers for tokens."""

    users: UserStore
    clients: ClientStore
    passwords: Passwords
    throttle: Throttle
    tokens: Tokens
    issuers: Mapping[str, Issuer]
    """Those outside that are trusted, by name."""
    gives_for_passwords: bool
    """Whether the password grant is on."""
    _lanes: Lanes = field(default_factory=Lanes)
    _known: dict[bytes, tuple[Caller, float]] = field(default_factory=dict)
    """Callers let in and until when they are known, on the monotonic clock; by the digest of their token."""

    @property
    def grants(self) -> tuple[str, ...]:
        """The ways there are to a token."""
        return (PASSWORD, CLIENT_CREDENTIALS) if self.gives_for_passwords else (CLIENT_CREDENTIALS,)

    async def client(self, name: str, secret: str) -> Client:
        """The client of a name and a secret. Raises WrongClientError."""
        client = await self.clients.by_name(name)
        if client is None or not client.has_secret(secret) or client.disabled:
            _told("client", name, "refused")
            raise WrongClientError
        return client

    async def with_password(
        self, username: str, password: str, *, address: str, client: Client | None, asked: Collection[str]
    ) -> Token:
        """A token for a user, asked for from an address by a client or by nobody in particular.

        `asked` are scopes; none: all that may be had. Raises LoginError, and PasswordRuleError for a
        password longer than any can be.
        """
        if not self.gives_for_passwords:
            raise UnsupportedGrantError("This gateway gives no tokens for passwords")
        if client and PASSWORD not in client.grants:
            raise UnauthorizedClientError("This client may not log users in")
        check_length(password)
        user = await self._user(username, password, address)
        scopes = _granted(asked, user.scopes & client.scopes if client else user.scopes)
        if self.passwords.outdated(user.password_hash):
            await self.users.rehash(user, await self.passwords.rehash(password))
        _told("login", username, "let in")
        return self._issue(user, scopes, client.name if client else NO_CLIENT)

    async def change_password(self, username: str, password: str, new: str, *, address: str) -> None:
        """Another password for a user who knows the one before; tokens that one gave end.

        Raises LoginError, and PasswordRuleError for a new one that will not do.
        """
        if not self.gives_for_passwords:
            raise UnsupportedGrantError("Nobody has a password here")
        check_length(password)
        user = await self._user(username, password, address)
        await self.users.set_password(user.username, await self.passwords.hash(new, user.username))
        _told("password", username, "changed")

    async def _user(self, username: str, password: str, address: str) -> User:
        """The user of a name and a password. Raises WrongCredentialsError and TooManyLoginsError."""
        account = normalised(username)
        if self._lanes.waiting >= MOST_WAITING:
            raise TooManyLoginsError("Too many log in at once; try again in a moment", 1)
        # As few at a time as are computed: nobody gets more tries than the rules give by trying all at once.
        async with self._lanes:
            wait_s = await self.throttle.wait_s(account, address)
            if wait_s:
                _told("login", username, "throttled")
                raise TooManyLoginsError("Too many failed logins; try again later", wait_s)
            user = await self.users.by_name(username)
            matches = await self.passwords.matches(password, user.password_hash if user else None)
            if user is None or not matches or user.disabled:
                await self.throttle.failed(account, address)
                _told("login", username, "refused")
                raise WrongCredentialsError
        await self.throttle.succeeded(account, address)
        return user

    def with_secret(self, client: Client, *, asked: Collection[str]) -> Token:
        """A token for a client itself. Raises LoginError."""
        if CLIENT_CREDENTIALS not in client.grants:
            raise UnauthorizedClientError("This client gets no tokens for itself")
        scopes = _granted(asked, client.scopes)
        _told("client", client.name, "let in")
        return self._issue(client, scopes, client.name)

    async def admit(self, token: str | None, scope: str) -> Caller:
        """Who a token was issued for.

        Raises UnauthenticatedError for no token, a bad one, one that was ended, or one whose user or client
        is gone or disabled; ForbiddenError for a good one without the scope.
        """
        if token is None:
            raise UnauthenticatedError(token_given=False)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        caller, until = self._known.get(digest, (None, 0.0))
        if caller is None or time.monotonic() >= until:
            caller = await self._caller(token)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[digest] = (caller, time.monotonic() + KNOWN_S)
        note_caller(caller.id)
        if scope not in caller.scopes:
            raise ForbiddenError(f"This needs a token with the scope {scope!r}", scope=scope)
        return caller

    async def _caller(self, token: str) -> Caller:
        issuer = self.issuers.get(issuer_named(token) or "") if self.issuers else None
        if issuer:
            claims = issuer.verify(token)
            return Caller(claims.subject, claims.scopes)
        claims = self.tokens.verify(token)
        found = await self.users.by_id(claims.subject) or await self.clients.by_id(claims.subject)
        if found is None or found.disabled or claims.issued_s < found.tokens_from_s:
            raise UnauthenticatedError(token_given=True)
        # What was taken from a user or client since is taken from its tokens too.
        return Caller(found.id, claims.scopes & found.scopes)

    def _issue(self, whom: User | Client, scopes: Collection[str], client_id: str) -> Token:
        return self.tokens.issue(whom.id, scopes, client_id=client_id, not_before_s=whom.tokens_from_s)


def _granted(asked: Collection[str], may: frozenset[str]) -> frozenset[str]:
    """The scopes of a token. Raises InvalidScopeError where more are asked for than may be had."""
    missing = frozenset(asked) - may
    if missing:
        raise InvalidScopeError(f"Not to be had: {' '.join(sorted(missing))[:200]}")
    return frozenset(asked) or may


def _told(event: str, name: str, outcome: str) -> None:
    log.info(event, extra={"username": name[:64], "outcome": outcome})
