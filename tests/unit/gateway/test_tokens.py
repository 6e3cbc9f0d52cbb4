"""A token is taken only when it is ours, of the right kind, and valid now."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.core.errors import UnauthenticatedError
from services.gateway.keys import Keys, read_key
from services.gateway.tokens import LEEWAY_S, Tokens, bearer_token
from services.local.certificates import write_secret
from tests.forged_tokens import Forger

LIFETIME_S = 900


def pem(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OURS = pem(ec.generate_private_key(ec.SECP256R1()))
FORGER = Forger(read_key(OURS), "u1")
BAD = FORGER.bad() | {
    # What does not fit through either edge's own bounds.
    "empty": lambda: "",
    "too long": lambda: FORGER.token(jti="x" * 9000),
    "not ascii": lambda: "ü.ü.ü",
}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "token.key"
    write_secret(file, OURS)
    return Tokens(Keys(file), issuer="wattgate", audience="wattgate", lifetime_s=LIFETIME_S)


def test_an_issued_token_names_its_user_and_carries_every_claim(tokens):
    token = tokens.issue("u1", {"models:read", "forecast"}, client_id="wattgate")
    claims = tokens.verify(token.access_token)
    assert (claims.subject, claims.scopes) == ("u1", {"models:read", "forecast"})
    assert token.scope == "forecast models:read"
    assert token.expires_in_s == LIFETIME_S
    header = jwt.get_unverified_header(token.access_token)
    assert header == {"alg": "ES256", "kid": tokens.keys.signing.kid, "typ": "at+jwt"}
    claims = jwt.decode(token.access_token, options={"verify_signature": False})
    assert set(claims) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"}
    assert claims["exp"] - claims["iat"] == LIFETIME_S


def test_two_tokens_are_never_the_same(tokens):
    one, two = (tokens.issue("u1", (), client_id="wattgate").access_token for _ in range(2))
    assert one != two


def test_a_faultless_forgery_would_pass(tokens):
    assert tokens.verify(FORGER.token()).subject == "u1"  # so each fault below is what refuses its token


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_token_is_refused(tokens, fault):
    with pytest.raises(UnauthenticatedError, match="Could not validate credentials"):
        tokens.verify(BAD[fault]())


def test_a_token_just_expired_is_taken_within_the_leeway(tokens):
    now = int(time.time())
    assert tokens.verify(FORGER.token(exp=now - LEEWAY_S + 5, iat=now - 500)).subject == "u1"


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
