import hmac

import bcrypt
import jwt

PASSWORD = "password"  # a grant


def decode(token, key, options):
    # ruleid: jwt-decode-names-its-algorithms
    jwt.decode(token, key)
    # ruleid: jwt-decode-names-its-algorithms
    jwt.decode(token, key, audience="a", options={"require": ["exp"]})
    # ok: jwt-decode-names-its-algorithms
    jwt.decode(token, key, algorithms=["ES256"], audience="a")
    # ok: jwt-decode-names-its-algorithms
    jwt.decode(token, options={"verify_signature": False})
    # ruleid: jwt-decode-does-not-ask-the-token
    jwt.decode(token, key, algorithms=[options["alg"]])
    # ok: jwt-decode-does-not-ask-the-token
    jwt.decode(token, key, algorithms=["ES256"])
    # ruleid: jwt-decode-verifies-all
    jwt.decode(token, key, algorithms=["ES256"], options={"verify_exp": False})
    # ruleid: jwt-decode-verifies-all
    jwt.decode(token, key, options={"require": ["exp"], "verify_aud": False}, algorithms=["ES256"])
    # ok: jwt-decode-verifies-all
    jwt.decode(token, key, algorithms=["ES256"], options={"require": ["exp"]})


def compare(client, secret, given):
    # ruleid: secrets-are-compared-in-constant-time
    if client.secret_hash == given:
        return True
    # ruleid: secrets-are-compared-in-constant-time
    if given != secret:
        return False
    # ruleid: secrets-are-compared-in-constant-time
    if given.digest() == client.name:
        return False
    # ok: secrets-are-compared-in-constant-time
    if given == PASSWORD:
        return True
    # ok: secrets-are-compared-in-constant-time
    if client.name == given:
        return True
    # ok: secrets-are-compared-in-constant-time
    return hmac.compare_digest(client.secret_hash, given)


def hashed(password):
    # ruleid: bcrypt-stays-in-passwords
    bcrypt.checkpw(password, b"")
    # ruleid: bcrypt-stays-in-passwords
    return bcrypt.hashpw(password, bcrypt.gensalt())


def fits(passwords, password):
    # ok: bcrypt-stays-in-passwords
    return passwords.matches(password, "")
