"""Tokens that must be refused: forged, stale, malformed, of other kinds and other issuers."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import partial

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.gateway.keys import TokenKey
from services.gateway.tokens import LEEWAY_S, TYPE

REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope")
YEAR_S = 365 * 86400


class Forger:
    """Makes tokens of a gateway's own key, right in all but what is changed."""

    def __init__(self, key: TokenKey, subject: str) -> None:
        """Know the key, and a user who may call."""
        self._key, self._subject = key, subject
        self._other = ec.generate_private_key(ec.SECP256R1())

    def token(self, *, key=None, algorithm="ES256", header=None, without=(), **changes) -> str:
        now = _now()
        claims = {
            "iss": "wattgate",
            "sub": self._subject,
            "aud": "wattgate",
            "exp": now + 600,
            "iat": now,
            "jti": "1",
            "client_id": "wattgate",
            "scope": "forecast models:read",
            **changes,
        }
        for name in without:
            del claims[name]
        # Not by PyJWT's own `encode`, which refuses some of what others may send.
        return jwt.PyJWS().encode(
            json.dumps(claims).encode(),
            self._key.private if key is None else key,
            algorithm=algorithm,
            headers={"kid": self._key.kid, "typ": TYPE, **(header or {})},
        )

    def with_header(self, **members) -> str:
        """A good token's claims and signature under another header."""
        _, claims, signature = self.token().split(".")
        return ".".join([_segment(members), claims, signature])

    def with_claims(self, claims: bytes) -> str:
        """Claims of any bytes, signed rightly."""
        header = self.token().split(".")[0]
        signed = jwt.PyJWS().encode(
            claims, self._key.private, algorithm="ES256", headers={"kid": self._key.kid, "typ": TYPE}
        )
        assert signed.split(".")[0] == header
        return signed

    def bad(self) -> dict[str, Callable[[], str]]:
        """Every kind, by its name."""
        token, kid = self.token, self._key.kid
        pem = self._key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        found: dict[str, Callable[[], str]] = {
            # No token at all.
            "garbage": lambda: "garbage",
            "one dot": lambda: "a.b",
            "three dots": lambda: "a.b.c.d",
            "five segments": lambda: "a.b.c.d.e",
            "dots": lambda: "..",
            "blank inside": lambda: token().replace(".", ". ", 1),
            # Longer ones are refused by gRPC itself, as metadata over its limit.
            "seven thousand letters": lambda: "x" * 7000,
            "nested header": lambda: _encoded(b"[" * 4000) + ".e30.x",
            "header is no JSON": lambda: _encoded(b"{") + ".e30.x",
            "header is a list": lambda: _encoded(b"[]") + ".e30.x",
            "claims are no JSON": lambda: self.with_claims(b"{"),
            "claims are a list": lambda: self.with_claims(b"[]"),
            # Over 8 kB of metadata gRPC refuses some calls by chance, before anybody looks at the token.
            "claims are nested": lambda: self.with_claims(b'{"a":' + b"[" * 2500 + b"]" * 2500 + b"}"),
            # Signatures.
            "no signature": lambda: token().rpartition(".")[0] + ".",
            "signature cut off": lambda: token()[:-3],
            "signature of zeros": lambda: token().rpartition(".")[0] + "." + _encoded(b"\0" * 64),
            "signature of another token": lambda: ".".join(
                [*token(jti="2").split(".")[:2], token().split(".")[2]]
            ),
            "changed claims": lambda: ".".join(
                [token().split(".")[0], _segment({"sub": "admin"}), token().split(".")[2]]
            ),
            "another key": lambda: token(key=self._other),
            "another curve": lambda: token(key=ec.generate_private_key(ec.SECP384R1()), algorithm="ES384"),
            "RSA": lambda: token(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"),
            "Ed25519": lambda: token(key=ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA"),
            "public key as a secret": lambda: _hmac(pem, kid),
            "public JWK as a secret": lambda: _hmac(json.dumps(self._key.jwk).encode(), kid),
            # Headers.
            **{
                f"alg {name}": partial(self.with_header, alg=name, kid=kid, typ=TYPE)
                for name in ("none", "None", "nOnE", "HS256", "RS256", "ES384", "ES256K", "")
            },
            "alg is a number": lambda: self.with_header(alg=1, kid=kid, typ=TYPE),
            "no alg": lambda: self.with_header(kid=kid, typ=TYPE),
            "no kid": lambda: self.with_header(alg="ES256", typ=TYPE),
            "another kid": lambda: token(header={"kid": "other"}),
            "kid is a path": lambda: token(header={"kid": "../../../../dev/null"}),
            "kid is SQL": lambda: token(header={"kid": "' OR 1=1 --"}),
            "kid of 5 kB": lambda: token(header={"kid": "k" * 5000}),
            "kid is a list": lambda: self.with_header(alg="ES256", kid=[kid], typ=TYPE),
            "typ JWT": lambda: token(header={"typ": "JWT"}),
            "no typ": lambda: token(header={"typ": None}),
            "unknown critical": lambda: token(header={"crit": ["x"], "x": 1}),
            "b64 false": lambda: token(header={"crit": ["b64"], "b64": False}),
            "a key of its own": lambda: token(
                key=self._other,
                header={"jwk": jwt.algorithms.ECAlgorithm.to_jwk(self._other.public_key(), as_dict=True)},
            ),
            "a URL of keys": lambda: token(header={"jku": "https://127.0.0.1:1/jwks.json"}),
            "a URL of certificates": lambda: token(header={"x5u": "https://127.0.0.1:1/x.pem"}),
            # Claims.
            **{f"no {name}": partial(token, without=[name]) for name in REQUIRED},
            "issuer a prefix": lambda: token(iss="wattgat"),
            "issuer longer": lambda: token(iss="wattgate2"),
            "issuer empty": lambda: token(iss=""),
            "issuer a list": lambda: token(iss=["wattgate"]),
            "another audience": lambda: token(aud="other"),
            "audience a list": lambda: token(aud=["wattgate"]),
            "an audience more": lambda: token(aud=["wattgate", "other"]),
            "expired": lambda: token(exp=_now() - LEEWAY_S - 2, iat=_now() - 500),
            "expiry in a string": lambda: token(exp=str(_now() + 600)),
            "expiry a fraction": lambda: token(exp=_now() + 600.5),
            "expiry true": lambda: token(exp=True),
            "expiry null": lambda: token(exp=None),
            "expiry endless": lambda: self.with_claims(b'{"exp":1e999}'),
            "expiry huge": lambda: token(exp=10**30),
            "valid for a century": lambda: token(exp=_now() + 100 * YEAR_S),
            "expires before it is issued": lambda: token(iat=_now() + 20, exp=_now() + 10),
            "issued in a string": lambda: token(iat=str(_now())),
            "issued tomorrow": lambda: token(iat=_now() + 86400, exp=_now() + 86900),
            "not yet valid": lambda: token(nbf=_now() + LEEWAY_S + 60),
            "not before in words": lambda: token(nbf="now"),
            "subject a number": lambda: token(sub=1),
            "subject a list": lambda: token(sub=[self._subject]),
            "jti a number": lambda: token(jti=1),
            "scope a list": lambda: token(scope=["forecast", "models:read"]),
            "scope null": lambda: token(scope=None),
        }
        return found

    def of_nobody(self) -> dict[str, Callable[[], str]]:
        """Good ones, but for nobody there is."""
        return {
            "subject unknown": lambda: self.token(sub="nobody"),
            "subject is SQL": lambda: self.token(sub="' OR 1=1 --"),
        }


def _now() -> int:
    """When a token is made, which may be long after its kind was listed."""
    return int(time.time())


def _hmac(secret: bytes, kid: str) -> str:
    # PyJWT refuses to sign with what looks like a key: by hand, as an attacker would.
    signed = ".".join([_segment({"alg": "HS256", "kid": kid, "typ": TYPE}), _segment({"sub": "admin"})])
    return f"{signed}.{_encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _segment(document: object) -> str:
    return _encoded(json.dumps(document).encode())


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
