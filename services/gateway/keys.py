"""The keys of access tokens: several verify, one signs, and they change while the gateway runs."""

import asyncio
import hashlib
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from services.gateway.secret_files import read_secret

log = logging.getLogger(__name__)

ALGORITHM = "ES256"

POLL_S = 2.0
"""How often the files are looked at: a key that was removed is refused so much later, at most."""

PUBLISHED_S = 10.0
"""A new key verifies so long before it signs: every replica must know it by then."""


@dataclass(frozen=True)
class TokenKey:
    """A key, under the name that tokens carry as `kid`."""

    private: ec.EllipticCurvePrivateKey
    kid: str
    jwk: dict[str, str]
    """Its public half (RFC 7517)."""


def read_key(pem: bytes) -> TokenKey:
    """The key of a PEM file; its `kid` is its RFC 7638 thumbprint.

    Raises ValueError where it is not an unencrypted EC key on P-256.
    """
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ValueError("the token key must be an EC key on curve P-256 (prime256v1)")
    jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    kid = jwt.utils.base64url_encode(hashlib.sha256(canonical.encode()).digest()).decode()
    return TokenKey(private, kid, {**members, "kid": kid, "alg": ALGORITHM, "use": "sig"})


class Keys:
    """The keys of a PEM file, or of all `*.pem` files of a folder.

    Of a folder the last by name signs, once it was there for PUBLISHED_S. So keys are changed by putting a
    file there, and by removing the old one once its tokens have expired; or at once, where it leaked.
    """

    def __init__(self, path: Path) -> None:
        """Read them. Raises ValueError where there is none, or one that cannot be read."""
        self._path = path
        self._read: dict[Path, tuple[int, TokenKey]] = {}
        """With the time each was changed, ns."""
        self._public: dict[str, ec.EllipticCurvePublicKey] = {}
        if faults := self._load():
            raise ValueError("; ".join(faults))

    @property
    def signing(self) -> TokenKey:
        """The one that signs."""
        now_ns = time.time_ns()
        by_name = [self._read[file] for file in sorted(self._read)]
        known = [key for changed_ns, key in by_name if now_ns - changed_ns >= PUBLISHED_S * 1e9]
        return known[-1] if known else by_name[-1][1]

    def verifying(self, kid: object) -> ec.EllipticCurvePublicKey | None:
        """The public key of that name."""
        return self._public.get(kid) if isinstance(kid, str) else None

    def public(self) -> list[dict[str, str]]:
        """All public keys, as RFC 7517 has them."""
        return [key.jwk for _, key in self._read.values()]

    async def keep_fresh(self) -> None:
        """Look at the files for ever. One that cannot be read stays as it was; one that is gone is gone."""
        before: list[str] = []
        while True:
            await asyncio.sleep(POLL_S)
            faults = self._load()
            for fault in faults:
                if fault not in before:
                    log.error("a token key is not read, what was known of it stays: %s", fault)
            before = faults

    def _load(self) -> list[str]:
        """What is wrong with files; without any key that can be read nothing changes."""
        files = sorted(self._path.glob("*.pem")) if self._path.is_dir() else [self._path]
        read, faults = {}, [] if files else [f"there is no *.pem in {self._path}"]
        for file in files:
            known = self._read.get(file)
            try:
                changed_ns = file.stat().st_mtime_ns
                if known is None or known[0] != changed_ns:
                    known = (changed_ns, read_key(read_secret(file)))
            except (OSError, ValueError, TypeError) as error:
                faults.append(f"{file}: {error}")
            if known:
                read[file] = known
        if not read:
            return faults
        self._public = {key.kid: key.private.public_key() for _, key in read.values()}
        if self._read and read != self._read:
            log.info("token keys are now: %s", ", ".join(self._public))
        self._read = read
        return faults
