"""Passwords: bcrypt, and its limits said aloud."""

import pytest

from services.gateway import passwords
from services.gateway.passwords import PasswordRuleError, hash_password, password_matches

LONGEST = "é" * 36


async def test_a_password_matches_its_hash_and_no_other_does():
    hashed = await hash_password("correct horse battery")
    assert hashed.startswith("$2b$12$")
    assert await password_matches("correct horse battery", hashed)
    assert not await password_matches("correct horse batterx", hashed)


async def test_where_there_is_no_user_no_password_matches_not_even_the_empty_one():
    assert not await password_matches("", None)


@pytest.mark.parametrize("password", ["", "fourteen chars", LONGEST + "x"])
async def test_a_password_too_short_or_too_long_is_never_hashed(password, monkeypatch):
    monkeypatch.setattr(passwords, "_in_worker", lambda *_: pytest.fail("hashed"))
    with pytest.raises(PasswordRuleError, match=r"15 characters|72 bytes"):
        await hash_password(password)


async def test_seventy_two_bytes_all_count():
    hashed = await hash_password(LONGEST)
    assert await password_matches(LONGEST, hashed)
    assert not await password_matches(LONGEST[:-1] + "e", hashed)
