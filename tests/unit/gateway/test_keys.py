"""Keys that come and go while tokens are issued and verified."""

import asyncio
import os
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.core.errors import UnauthenticatedError
from services.gateway import keys
from services.gateway.keys import PUBLISHED_S, Keys
from services.gateway.tokens import Tokens
from services.local.certificates import write_secret


def put(folder, name, *, age_s=0.0):
    """A new key in the folder, that has been there for so long."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = folder / name
    write_secret(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    at = time.time() - age_s
    os.utime(file, (at, at))
    return file


def look(found):
    found._load()


def issue(tokens):
    return tokens.issue("u1", (), client_id="wattgate").access_token


@pytest.fixture
def tokens(tmp_path):
    put(tmp_path, "2026-01.pem", age_s=1000)
    return Tokens(Keys(tmp_path), "wattgate", "wattgate", 900)


def test_a_new_key_verifies_at_once_and_signs_once_everybody_knows_it(tokens, tmp_path):
    old = tokens.keys.signing.kid
    new = put(tmp_path, "2026-02.pem")
    look(tokens.keys)
    assert {key["kid"] for key in tokens.keys.public()} > {old}
    assert tokens.keys.signing.kid == old
    at = time.time() - PUBLISHED_S - 1
    os.utime(new, (at, at))
    look(tokens.keys)
    assert tokens.keys.signing.kid != old


def test_tokens_of_before_outlive_the_change(tokens, tmp_path):
    before = issue(tokens)
    put(tmp_path, "2026-02.pem", age_s=1000)
    look(tokens.keys)
    after = issue(tokens)
    assert [tokens.verify(token).subject for token in (before, after)] == ["u1", "u1"]


def test_tokens_of_a_key_that_was_removed_are_refused(tokens, tmp_path):
    leaked = issue(tokens)
    put(tmp_path, "2026-02.pem")
    (tmp_path / "2026-01.pem").unlink()
    look(tokens.keys)
    with pytest.raises(UnauthenticatedError):
        tokens.verify(leaked)
    assert tokens.verify(issue(tokens)).subject == "u1"  # the only one signs, however new


def test_of_several_the_last_by_name_signs(tmp_path):
    for name in ("b.pem", "c.pem", "a.pem"):
        put(tmp_path, name, age_s=1000)
    found = Keys(tmp_path)
    assert found.signing.kid == Keys(tmp_path / "c.pem").signing.kid


def test_what_is_published_has_no_private_member(tokens):
    for key in tokens.keys.public():
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_a_file_that_cannot_be_read_changes_nothing_and_is_said_once(
    tokens, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(keys, "POLL_S", 0.01)
    token = issue(tokens)
    (tmp_path / "2026-02.pem").write_text("no key")
    watch = asyncio.create_task(tokens.keys.keep_fresh())
    await asyncio.sleep(0.2)
    assert tokens.verify(token).subject == "u1"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    for file in tmp_path.glob("*.pem"):
        file.unlink()
    await asyncio.sleep(0.1)
    assert tokens.verify(token).subject == "u1"
    watch.cancel()


def test_a_leaked_key_is_refused_though_another_file_cannot_be_read(tokens, tmp_path):
    leaked = issue(tokens)
    put(tmp_path, "2026-02.pem")
    (tmp_path / "2026-03.pem").write_text("no key")
    (tmp_path / "2026-01.pem").unlink()
    look(tokens.keys)
    with pytest.raises(UnauthenticatedError):
        tokens.verify(leaked)


def test_a_folder_without_keys_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no \*\.pem"):
        Keys(tmp_path)
