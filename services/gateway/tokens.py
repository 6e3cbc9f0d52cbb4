"""Access tokens: signed JWTs (RFC 9068), issued and verified. No framework in here."""

import hashlib
import json
import secrets
import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from services.core.errors import UnauthenticatedError

ALGORITHM = "ES256"
TYPE = "at+jwt"
LEEWAY_S = 30
"""How far the clocks of issuer and verifier may part."""
MAX_TOKEN_BYTES = 8192
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti")


@dataclass(frozen=True)
class Token:
    """A token as its bearer gets it."""

    access_token: str
    expires_in_s: int


@dataclass(frozen=True)
class TokenKey:
    """A key that signs tokens, under the name that tokens carry as `kid`."""

    private: ec.EllipticCurvePrivateKey
    kid: str


def read_key(pem: bytes) -> TokenKey:
    """The signing key of a PEM file; its `kid` is its RFC 7638 thumbprint.

    Raises ValueError where it is not an unencrypted EC key on P-256.
    """
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("the token key must be an EC key on curve P-256 (prime256v1)")
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return TokenKey(private, jwt.utils.base64url_encode(hashlib.sha256(canonical.encode()).digest()).decode())


@dataclass(frozen=True)
class Tokens:
    """Issues tokens, and verifies those it issued."""

    key: TokenKey
    issuer: str
    audience: str
    lifetime_s: int

    def issue(self, subject: str) -> Token:
        """A token for a user's id."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.audience,
            "exp": now + self.lifetime_s,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
        }
        encoded = jwt.encode(
            claims, self.key.private, algorithm=ALGORITHM, headers={"kid": self.key.kid, "typ": TYPE}
        )
        return Token(encoded, self.lifetime_s)

    def verify(self, token: str) -> str:
        """The user id a token was issued for.

        Raises UnauthenticatedError for a token that is not ours, not valid now, or of another kind.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise UnauthenticatedError(token_given=True)
        try:
            header = jwt.get_unverified_header(token)
            if header.get("kid") != self.key.kid or header.get("typ") != TYPE:
                raise UnauthenticatedError(token_given=True)
            claims = jwt.decode(
                token,
                self.key.private.public_key(),
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED), "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise UnauthenticatedError(token_given=True) from error
        issued, expires = claims["iat"], claims["exp"]
        # PyJWT takes numbers in strings, and any lifetime.
        if not (type(issued) is int and type(expires) is int and expires - issued <= self.lifetime_s):
            raise UnauthenticatedError(token_given=True)
        subject: str = claims["sub"]
        return subject


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization` header or metadata value (RFC 6750), None where there is none.

    >>> bearer_token("bearer abc")
    'abc'
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
