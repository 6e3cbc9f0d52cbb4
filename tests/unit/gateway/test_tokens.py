"""A token is taken only when it is ours, of the right kind, and valid now."""

import json
import time
from base64 import urlsafe_b64encode
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.core.errors import UnauthenticatedError
from services.gateway.keys import Keys, read_key
from services.gateway.tokens import LEEWAY_S, TYPE, Tokens, bearer_token

LIFETIME_S = 900


def pem(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OURS = read_key(pem(ec.generate_private_key(ec.SECP256R1())))
THEIRS = read_key(pem(ec.generate_private_key(ec.SECP256R1())))


class OneKey(Keys):
    """Keys of no file."""

    def __init__(self, key):
        self._read = {"": (0, key)}
        self._public = {key.kid: key.private.public_key()}


TOKENS = Tokens(OneKey(OURS), issuer="wattgate", audience="wattgate", lifetime_s=LIFETIME_S)


def forged(*, key=OURS.private, algorithm="ES256", header=None, without=(), **claims) -> str:
    now = int(time.time())
    body = {
        "iss": "wattgate",
        "sub": "u1",
        "aud": "wattgate",
        "exp": now + 600,
        "iat": now,
        "jti": "1",
        "client_id": "wattgate",
        "scope": "forecast",
        **claims,
    }
    for name in without:
        del body[name]
    return jwt.encode(
        body, key, algorithm=algorithm, headers={"kid": OURS.kid, "typ": TYPE, **(header or {})}
    )


def segment(document) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_an_issued_token_names_its_user_and_carries_every_claim():
    token = TOKENS.issue("u1", {"models:read", "forecast"}, client_id="wattgate")
    claims = TOKENS.verify(token.access_token)
    assert (claims.subject, claims.scopes) == ("u1", {"models:read", "forecast"})
    assert token.scope == "forecast models:read"
    assert token.expires_in_s == LIFETIME_S
    header = jwt.get_unverified_header(token.access_token)
    assert header == {"alg": "ES256", "kid": OURS.kid, "typ": "at+jwt"}
    claims = jwt.decode(token.access_token, options={"verify_signature": False})
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"}
    assert claims["exp"] - claims["iat"] == LIFETIME_S


def test_two_tokens_are_never_the_same():
    one, two = (TOKENS.issue("u1", (), client_id="wattgate").access_token for _ in range(2))
    assert one != two


def test_a_faultless_forgery_would_pass():
    assert TOKENS.verify(forged()).subject == "u1"  # so each fault below is what refuses its token


def now() -> int:
    return int(time.time())


BAD = {
    "empty": lambda: "",
    "no token": lambda: "garbage",
    "two segments": lambda: "a.b",
    "nested header": lambda: "[" * 5000 + ".e30.x",
    "too long": lambda: forged(jti="x" * 9000),
    "not ascii": lambda: "ü.ü.ü",
    "another key": lambda: forged(key=THEIRS.private),
    "another kid": lambda: forged(header={"kid": THEIRS.kid}),
    "kid is a list": lambda: forged().replace(
        forged().split(".")[0], segment({"alg": "ES256", "typ": TYPE, "kid": [1]})
    ),
    "no kid": lambda: forged().replace(forged().split(".")[0], segment({"alg": "ES256", "typ": TYPE})),
    "plain type": lambda: forged(header={"typ": "JWT"}),
    "no algorithm": lambda: (
        f"{segment({'alg': 'none', 'kid': OURS.kid, 'typ': TYPE})}.{forged().split('.')[1]}."
    ),
    "public key as secret": lambda: ".".join(
        [segment({"alg": "HS256", "kid": OURS.kid, "typ": TYPE}), *forged().split(".")[1:]]
    ),
    "another family": lambda: forged(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"),
    "unknown critical header": lambda: forged(header={"crit": ["x"], "x": 1}),
    "changed claims": lambda: ".".join(
        [forged().split(".")[0], segment({"sub": "admin"}), forged().split(".")[2]]
    ),
    "expired": lambda: forged(exp=now() - LEEWAY_S - 2, iat=now() - 500),
    "issued tomorrow": lambda: forged(iat=now() + 86400, exp=now() + 86900),
    "not yet valid": lambda: forged(nbf=now() + 300),
    "another issuer": lambda: forged(iss="wattgat"),
    "no issuer's name": lambda: forged(iss=""),
    "another audience": lambda: forged(aud="other"),
    "one audience more": lambda: forged(aud=["wattgate", "other"]),
    "expiry in a string": lambda: forged(exp=str(now() + 600)),
    "expiry a fraction": lambda: forged(exp=now() + 600.5),
    "valid for a century": lambda: forged(exp=now() + 100 * 365 * 86400),
    "subject is a number": lambda: forged(sub=1),
    **{
        f"no {claim}": partial(forged, without=[claim])
        for claim in ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope")
    },
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_token_is_refused(fault):
    with pytest.raises(UnauthenticatedError, match="Could not validate credentials"):
        TOKENS.verify(BAD[fault]())


def test_a_token_just_expired_is_taken_within_the_leeway():
    assert TOKENS.verify(forged(exp=now() - LEEWAY_S + 5, iat=now() - 500)).subject == "u1"


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())]
)
def test_a_signing_key_of_another_kind_is_refused(key):
    with pytest.raises(ValueError, match="P-256"):
        read_key(pem(key))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("Bearer abc", "abc"),
    ],
)
def test_only_a_bearer_header_has_a_token(header, token):
    assert bearer_token(header) == token
