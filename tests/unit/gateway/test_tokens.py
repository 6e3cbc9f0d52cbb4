"""A token is taken only when it is ours, of the right kind, and valid now."""

import json
import time
from base64 import urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.core.errors import UnauthenticatedError
from services.gateway.tokens import LEEWAY_S, TYPE, Tokens, bearer_token, read_key

LIFETIME_S = 900


def pem(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OURS = read_key(pem(ec.generate_private_key(ec.SECP256R1())))
THEIRS = read_key(pem(ec.generate_private_key(ec.SECP256R1())))
TOKENS = Tokens(OURS, issuer="wattgate", audience="wattgate", lifetime_s=LIFETIME_S)


def forged(*, key=OURS.private, algorithm="ES256", header=None, without=(), **claims) -> str:
    now = int(time.time())
    body = {
        "iss": "wattgate",
        "sub": "u1",
        "aud": "wattgate",
        "exp": now + 600,
        "iat": now,
        "jti": "1",
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
    token = TOKENS.issue("u1")
    assert TOKENS.verify(token.access_token) == "u1"
    assert token.expires_in_s == LIFETIME_S
    header = jwt.get_unverified_header(token.access_token)
    assert header == {"alg": "ES256", "kid": OURS.kid, "typ": "at+jwt"}
    claims = jwt.decode(token.access_token, options={"verify_signature": False})
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "jti"}
    assert claims["exp"] - claims["iat"] == LIFETIME_S


def test_two_tokens_are_never_the_same():
    assert TOKENS.issue("u1").access_token != TOKENS.issue("u1").access_token


def test_a_faultless_forgery_would_pass():
    assert TOKENS.verify(forged()) == "u1"  # so each fault below is what refuses its token


NOW = int(time.time())
BAD = {
    "empty": "",
    "no token": "garbage",
    "two segments": "a.b",
    "nested header": "[" * 5000 + ".e30.x",
    "too long": forged(jti="x" * 9000),
    "not ascii": "ü.ü.ü",
    "another key": forged(key=THEIRS.private),
    "another kid": forged(header={"kid": THEIRS.kid}),
    "kid is a list": forged().replace(
        forged().split(".")[0], segment({"alg": "ES256", "typ": TYPE, "kid": [1]})
    ),
    "no kid": forged().replace(forged().split(".")[0], segment({"alg": "ES256", "typ": TYPE})),
    "plain type": forged(header={"typ": "JWT"}),
    "no algorithm": f"{segment({'alg': 'none', 'kid': OURS.kid, 'typ': TYPE})}.{forged().split('.')[1]}.",
    "public key as secret": ".".join(
        [segment({"alg": "HS256", "kid": OURS.kid, "typ": TYPE}), *forged().split(".")[1:]]
    ),
    "another family": forged(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"),
    "unknown critical header": forged(header={"crit": ["x"], "x": 1}),
    "changed claims": ".".join([forged().split(".")[0], segment({"sub": "admin"}), forged().split(".")[2]]),
    "expired": forged(exp=NOW - LEEWAY_S - 2, iat=NOW - 500),
    "issued tomorrow": forged(iat=NOW + 86400, exp=NOW + 86900),
    "not yet valid": forged(nbf=NOW + 300),
    "another issuer": forged(iss="wattgat"),
    "no issuer's name": forged(iss=""),
    "another audience": forged(aud="other"),
    "one audience more": forged(aud=["wattgate", "other"]),
    "expiry in a string": forged(exp=str(NOW + 600)),
    "expiry a fraction": forged(exp=NOW + 600.5),
    "valid for a century": forged(exp=NOW + 100 * 365 * 86400),
    "subject is a number": forged(sub=1),
    **{f"no {claim}": forged(without=[claim]) for claim in ("iss", "sub", "aud", "exp", "iat", "jti")},
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_token_is_refused(fault):
    with pytest.raises(UnauthenticatedError, match="Could not validate credentials"):
        TOKENS.verify(BAD[fault])


def test_a_token_just_expired_is_taken_within_the_leeway():
    assert TOKENS.verify(forged(exp=int(time.time()) - LEEWAY_S + 5, iat=NOW - 500)) == "u1"


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
