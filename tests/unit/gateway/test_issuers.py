"""Which published keys are taken, and which settings."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import ValidationError

from services.gateway.issuers import issuer_named, read_keys
from services.gateway.settings import TrustedIssuer
from services.gateway.tokens import MAX_TOKEN_BYTES
from tests.data import REPOSITORY

RSA, EC = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())


def jwk(key, **members):
    kinds = {rsa.RSAPrivateKey: "RSAAlgorithm", ec.EllipticCurvePrivateKey: "ECAlgorithm"}
    name = next((name for kind, name in kinds.items() if isinstance(key, kind)), "OKPAlgorithm")
    made = getattr(jwt.algorithms, name).to_jwk(key.public_key(), as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": "k", **members}


@pytest.mark.parametrize(
    ("published", "algorithms"),
    [
        (jwk(RSA), {"RS256", "PS256"}),
        (jwk(RSA, alg="PS256", use="sig"), {"PS256"}),
        (jwk(EC), {"ES256"}),
    ],
)
def test_a_key_is_bound_to_its_algorithms(published, algorithms):
    assert read_keys({"keys": [published]})["k"].algorithms == algorithms


BAD = {
    "for encryption": jwk(RSA, use="enc"),
    "of another algorithm": jwk(RSA, alg="RS512"),
    "of 1,024 bits": jwk(rsa.generate_private_key(65537, 1024)),
    "on another curve": jwk(ec.generate_private_key(ec.SECP384R1())),
    "Edwards": jwk(ed25519.Ed25519PrivateKey.generate()),
    "symmetric": {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
    "without a name": {name: value for name, value in jwk(EC).items() if name != "kid"},
    "named by a number": jwk(EC, kid=1),
    "off its curve": jwk(EC, x="AA"),
    "half a key": {"kty": "RSA", "kid": "k", "n": "AQ"},
    "no object": "k",
}


@pytest.mark.parametrize("published", BAD.values(), ids=BAD.keys())
def test_other_keys_are_left_out(published):
    assert read_keys({"keys": [published, jwk(EC, kid="good")]}).keys() == {"good"}
    with pytest.raises(ValueError, match="no key that is taken here"):
        read_keys({"keys": [published]})


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": []}, "keys"])
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(ValueError, match="no "):
        read_keys(document)


@pytest.mark.parametrize("token", ["", "a.b", "..", "x" * (MAX_TOKEN_BYTES + 1), "e30.W10.x", "é.é.é"])
def test_what_cannot_be_read_names_no_issuer(token):
    assert issuer_named(token) is None


TRUSTED = {"issuer": "https://login.example/v2.0", "audience": "a", "scopes": {"x": ["forecast"]}}


@pytest.mark.parametrize(
    "fault",
    [
        {"issuer": "http://login.example"},
        {"issuer": "https://login.example?x"},
        {"jwks_url": "file:///etc/passwd"},
        {"audience": ""},
        {"scopes": {"x": ["everything"]}},
        {"secret": "x"},
    ],
)
def test_a_setting_that_would_trust_too_much_is_refused(fault):
    TrustedIssuer(**TRUSTED)
    with pytest.raises(ValidationError):
        TrustedIssuer(**{**TRUSTED, **fault})


def test_the_documented_example_is_taken(tmp_path):
    page = (REPOSITORY / "docs" / "how-to" / "sign-in.md").read_text()
    document = page.split("```json\n")[1].split("```")[0]
    ca = tmp_path / "ca.pem"
    ca.touch()
    for trusted in json.loads(document):
        TrustedIssuer(**{**trusted, **({"ca": ca} if "ca" in trusted else {})})
