"""Access tokens: signed JWTs (RFC 9068), issued and verified. No framework in here."""

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jwt

from services.core.errors import UnauthenticatedError
from services.gateway.keys import ALGORITHM, Keys

TYPE = "at+jwt"
LEEWAY_S = 30
"""How far the clocks of issuer and verifier may part."""
MAX_TOKEN_BYTES = 8192
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope")
_HEADER = {"alg", "kid", "typ"}


@dataclass(frozen=True)
class Token:
    """A token as its bearer gets it."""

    access_token: str
    expires_in_s: int
    scope: str
    """With blanks between."""


@dataclass(frozen=True)
class Claims:
    """What a token that was verified says."""

    subject: str
    """Id of the user or client it was issued for."""
    scopes: frozenset[str]
    issued_s: int
    """Unix time."""


@dataclass(frozen=True)
class Tokens:
    """Issues tokens, and verifies those it issued."""

    keys: Keys
    issuer: str
    audience: str
    lifetime_s: int

    def issue(self, subject: str, scopes: Iterable[str], *, client_id: str, not_before_s: int = 0) -> Token:
        """A token for a user's or a client's id, asked for by a client; issued at `not_before_s` or now."""
        now = max(int(time.time()), not_before_s)
        granted = " ".join(sorted(scopes))
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.audience,
            "exp": now + self.lifetime_s,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            "client_id": client_id,
            "scope": granted,
        }
        key = self.keys.signing
        encoded = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})
        return Token(encoded, self.lifetime_s, granted)

    def verify(self, token: str) -> Claims:
        """What a token says.

        Raises UnauthenticatedError for one that is not ours, not valid now, or of another kind.
        """
        try:
            return self._verified(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise UnauthenticatedError(token_given=True) from error

    def _verified(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_BYTES:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        key = self.keys.verifying(header.get("kid"))
        # The one set of members that our tokens have: nothing that would choose a key, or be critical.
        if key is None or header.get("typ") != TYPE or header.keys() - _HEADER:
            raise ValueError("not a header of ours")
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED), "strict_aud": True},
        )
        check_types(claims, names=("sub", "jti", "scope"))
        # PyJWT takes any lifetime.
        if not 0 < claims["exp"] - claims["iat"] <= self.lifetime_s:
            raise ValueError("another lifetime")
        return Claims(claims["sub"], frozenset(claims["scope"].split()), claims["iat"])


def check_types(claims: Mapping[str, object], names: Iterable[str]) -> None:
    """Raise ValueError where times are no integers or names no strings: PyJWT takes numbers in strings."""
    times = ("exp", "iat", *({"nbf"} & claims.keys()))
    if any(type(claims[claim]) is not int for claim in times):
        raise ValueError("times that are no integers")
    if any(type(claims[claim]) is not str for claim in names):
        raise ValueError("names that are no strings")


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization` header or metadata value (RFC 6750), None where there is none.

    >>> bearer_token("bearer abc")
    'abc'
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
