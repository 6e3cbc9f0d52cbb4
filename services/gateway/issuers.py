"""Issuers outside whose access tokens count here too: identity providers, by the keys they publish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.core.errors import IssuerUnavailableError, UnauthenticatedError
from services.gateway.settings import TrustedIssuer
from services.gateway.tokens import LEEWAY_S, MAX_TOKEN_BYTES, Claims, check_types

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

FRESH_S = 300.0
"""How often the keys are fetched: one that an issuer removed is refused so much later."""

PAUSE_S = 10.0
"""Between two fetches at the least, however many tokens name keys that are not known."""

STALE_S = 24 * 3600.0
"""How long keys count while their issuer cannot be reached."""

_FAREWELL_S = 0.5
"""For a fetch under way when the process ends."""
_STEP_S, _FETCH_S = 3.0, 10.0
"""To connect, or for the next bytes; for all of it."""
_MAX_DOCUMENT_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048
_MAX_LIFETIME_S = 24 * 3600
_MAX_SUBJECT = 255
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")
_TYPES = {None, "jwt", "at+jwt", "application/at+jwt"}
_DISCOVERY = "/.well-known/openid-configuration"


class Key(NamedTuple):
    """A published key, and the algorithms it may have signed by."""

    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    algorithms: frozenset[str]


def read_keys(document: Any) -> dict[str, Key]:
    """The keys of a JSON Web Key Set by `kid`: RSA of 2,048 bits or more, and EC on P-256.

    Others are left out, for they belong to uses and algorithms not taken here. Raises ValueError where none
    is left, or it is no key set.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no JSON Web Key Set")
    keys = {jwk["kid"]: key for jwk in listed if (key := _key(jwk))}
    if not keys:
        raise ValueError("no key that is taken here: RSA of 2,048 bits or more, or EC on P-256, with a kid")
    return keys


def _key(jwk: Any) -> Key | None:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str) or jwk.get("use", "sig") != "sig":
        return None
    try:
        public = jwt.PyJWK(jwk).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= _MIN_RSA_BITS:
        algorithms = {"RS256", "PS256"}
    elif isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        algorithms = {"ES256"}
    else:
        return None
    algorithms &= {jwk.get("alg", each) for each in algorithms}
    return Key(public, frozenset(algorithms)) if algorithms else None


class Issuer:
    """One issuer, and the keys it published when it was last asked."""

    def __init__(self, trusted: TrustedIssuer) -> None:
        """Nothing is fetched yet. Raises OSError and ValueError where its authority's file cannot be read."""
        self._trusted = trusted
        self._trust = ssl.create_default_context(cafile=trusted.ca)
        self._keys: dict[str, Key] = {}
        self._known_s = 0.0
        """When they were fetched, on the monotonic clock."""
        self._wanted = asyncio.Event()
        self._may_be_asked = False
        """Whether setting `_wanted` has them fetched."""
        self.failure: str | None = "not asked yet"
        """Why they could not be fetched when that was last tried; None: they were."""

    async def keep_fresh(self) -> None:
        """Fetch the keys for ever, sooner where they are wanted. While that fails, those known stay."""
        while True:
            fetch = asyncio.create_task(self._fetch())
            try:
                await asyncio.shield(fetch)
            except asyncio.CancelledError:
                # What is cancelled in a handshake stays open: it has a moment to end by itself.
                await asyncio.wait([fetch], timeout=_FAREWELL_S)
                fetch.cancel()
                await asyncio.gather(fetch, return_exceptions=True)
                raise
            await asyncio.sleep(PAUSE_S)
            if self.failure is None:
                self._may_be_asked = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), FRESH_S - PAUSE_S)
                self._may_be_asked = False
                self._wanted.clear()

    def verify(self, token: str) -> Claims:
        """What one of its tokens says, in our scopes; the subject is that of this issuer alone.

        Waits for nobody: whoever names an issuer and a key that is not known has proved nothing. Raises
        UnauthenticatedError for a token that is not good here, IssuerUnavailableError where its key may be
        one of the issuer's that is not known yet.
        """
        try:
            header = jwt.get_unverified_header(token)
            return self._verified(token, header, self._key(header.get("kid")))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise UnauthenticatedError(token_given=True) from error

    def _key(self, kid: object) -> Key:
        if not isinstance(kid, str):
            raise ValueError("no kid")
        if kid in self._keys:
            return self._keys[kid]
        if self.failure is None and not self._may_be_asked:
            raise ValueError("no key of the issuer's, which was asked just now")
        self._wanted.set()
        raise IssuerUnavailableError("The key of the token is not known yet; try again")

    def _verified(self, token: str, header: dict[str, Any], key: Key) -> Claims:
        kind = header.get("typ")
        if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES or {"crit", "b64"} & header.keys():
            raise ValueError("not the header of an access token")
        claims = jwt.decode(
            token,
            key.public,
            algorithms=list(key.algorithms),
            audience=self._trusted.audience,
            issuer=self._trusted.issuer,
            leeway=LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
        check_types(claims, names=("sub",))
        if not 0 < len(claims["sub"]) <= _MAX_SUBJECT:
            raise ValueError("no name for a subject")
        if not 0 < claims["exp"] - claims["iat"] <= _MAX_LIFETIME_S:
            raise ValueError("another lifetime")
        _check_for_calls(claims)
        return Claims(f"{self._trusted.issuer}#{claims['sub']}", self._scopes(claims), claims["iat"])

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        theirs = {name for claim in self._trusted.claims for name in _names(claims, claim)}
        return frozenset(scope for name in theirs for scope in self._trusted.scopes.get(name, ()))

    async def _fetch(self) -> None:
        # Most gateways trust nobody, and have no use for it.
        import httpx

        try:
            async with (
                asyncio.timeout(_FETCH_S),
                # Its own timeouts come first: what is cancelled in a handshake stays open.
                httpx.AsyncClient(verify=self._trust, timeout=_STEP_S) as client,
            ):
                keys = read_keys(await _document(client, await self._jwks_url(client)))
        except Exception as error:  # noqa: BLE001 - whatever it is, there is a next time
            self.failure = str(error)[:300] or type(error).__name__
            log.error("the keys of the issuer %s cannot be fetched: %s", self._trusted.issuer, self.failure)
            if time.monotonic() - self._known_s > STALE_S:
                self._keys = {}
            return
        if keys.keys() != self._keys.keys():
            log.info("keys of the issuer %s are now: %s", self._trusted.issuer, ", ".join(keys)[:1000])
        self._keys, self._known_s, self.failure = keys, time.monotonic(), None

    async def _jwks_url(self, client: httpx.AsyncClient) -> str:
        """As it is set up, or by OpenID Connect Discovery 1.0."""
        if self._trusted.jwks_url:
            return self._trusted.jwks_url
        found = await _document(client, self._trusted.issuer.removesuffix("/") + _DISCOVERY)
        if not isinstance(found, dict) or found.get("issuer") != self._trusted.issuer:
            raise ValueError("its discovery document is another issuer's")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or not url.startswith("https://"):
            raise ValueError("its discovery document names no jwks_uri over HTTPS")
        return url


def issuer_named(token: str) -> str | None:
    """The issuer a token names, whoever made it; None where it cannot be read."""
    if len(token) > MAX_TOKEN_BYTES:
        return None
    try:
        named = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return named if isinstance(named, str) else None


def _check_for_calls(claims: Mapping[str, Any]) -> None:
    """Raise ValueError for what says who somebody is, or gets new tokens, and is not made to call with.

    Identity providers sign these by the same keys: Keycloak tells them by `typ`, Amazon Cognito by
    `token_use`; ID tokens of OpenID Connect Core have hashes or a nonce, logout tokens have events. A token
    that is bound to a key of its sender's (`cnf`) is no bearer's, and who sent it is not looked at here.
    """
    if str(claims.get("typ", "Bearer")).lower() != "bearer" or claims.get("token_use", "access") != "access":
        raise ValueError("no access token")
    if {"at_hash", "c_hash", "s_hash", "nonce", "events", "cnf"} & claims.keys():
        raise ValueError("an ID token, a logout token, or one that is bound to its sender")


def _names(claims: Mapping[str, Any], path: str) -> list[str]:
    """What a claim holds, a list or a string with blanks between; of nested ones, `path` has dots.

    >>> _names({"realm_access": {"roles": ["planner"]}}, "realm_access.roles")
    ['planner']
    """
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


async def _document(client: httpx.AsyncClient, url: str) -> Any:
    """A JSON document, no larger than any of its kind needs to be."""
    body = b""
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise ValueError(f"{url} answered {answer.status_code}")
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _MAX_DOCUMENT_BYTES:
                raise ValueError(f"{url} answered more than {_MAX_DOCUMENT_BYTES:,} bytes")
    return json.loads(body)
