"""Passwords: bcrypt, and its limits gone round."""

import os
import sys
import threading

import bcrypt
import pytest

from services.gateway import passwords
from services.gateway.passwords import PasswordRuleError, Passwords

LONGEST = "é" * 512
OURS = Passwords(b"p" * 32)


async def test_a_password_matches_its_hash_and_no_other_does():
    hashed = await OURS.hash("correct horse battery", "ada")
    assert hashed.partition(":")[2].startswith("$2b$12$")
    assert await OURS.matches("correct horse battery", hashed)
    assert not await OURS.matches("correct horse batterx", hashed)
    assert not OURS.outdated(hashed)


async def test_where_there_is_no_user_no_password_matches_not_even_the_empty_one():
    assert not await OURS.matches("", None)


@pytest.mark.parametrize("password", ["", "fourteen chars", LONGEST + "x"])
async def test_a_password_too_short_or_too_long_is_never_hashed(password, monkeypatch):
    monkeypatch.setattr(passwords, "_in_worker", lambda *_: pytest.fail("hashed"))
    with pytest.raises(PasswordRuleError, match=r"15 characters|1024 bytes"):
        await OURS.hash(password, "ada")


@pytest.mark.parametrize(
    ("password", "other"),
    [
        (LONGEST, LONGEST[:-1] + "e"),
        ("x" * 72 + "one of two tails", "x" * 72 + "another of them"),
        ("before\0after the zero", "before\0another after it"),
        ("\U0001f600" * 64, "\U0001f600" * 63),
    ],
    ids=["longest", "beyond 72 bytes", "after a zero", "four bytes each"],
)
async def test_every_byte_counts(password, other):
    hashed = await OURS.rehash(password)
    assert await OURS.matches(password, hashed)
    assert not await OURS.matches(other, hashed)


async def test_a_hash_is_worth_nothing_under_another_pepper():
    hashed = await OURS.hash("correct horse battery", "ada")
    assert not await Passwords(b"q" * 32).matches("correct horse battery", hashed)
    assert not await Passwords().matches("correct horse battery", hashed)


@pytest.mark.parametrize("of", ["no pepper", "the pepper before", "bcrypt alone", "a lower cost"])
async def test_hashes_of_before_match_and_are_outdated(of, monkeypatch):
    password = "correct horse battery"
    now = Passwords(b"q" * 32, before=b"p" * 32)
    if of == "bcrypt alone":
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
    elif of == "a lower cost":
        monkeypatch.setattr(passwords, "COST", 10)
        hashed = await now.rehash(password)
        monkeypatch.setattr(passwords, "COST", 12)
    else:
        hashed = await (Passwords() if of == "no pepper" else OURS).rehash(password)
    assert await now.matches(password, hashed)
    assert not await now.matches(password + "x", hashed)
    assert now.outdated(hashed)
    assert not now.outdated(await now.rehash(password))


async def test_of_bcrypt_alone_no_password_is_longer_than_what_it_read():
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert await OURS.matches("x" * 72, hashed)
    assert not await OURS.matches("x" * 73, hashed)


def test_a_pepper_that_can_be_guessed_is_refused():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Passwords(b"changeme")


GUESSABLE = {
    "a common one": "password12345678",
    "repeated": "iloveyouiloveyou",
    "one letter": "a" * 400,
    "a row of keys": "qwertyuiopasdfghjkl",
    "numbers in order": "123456789012345",
    "the product": "wattgatewattgate",
    "the user": "ada.lovelace.1815",
}


@pytest.mark.parametrize("password", GUESSABLE.values(), ids=GUESSABLE.keys())
async def test_a_password_that_is_soon_guessed_may_not_be_set(password):
    with pytest.raises(PasswordRuleError, match=r"hard to guess: .* Take four or more words"):
        await OURS.hash(password, "ada.lovelace")


async def test_no_mixture_of_kinds_of_characters_is_asked_for():
    assert await OURS.hash("meter gravel sonnet umbrella", "ada")


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
async def test_whoever_hashes_gives_way_to_whoever_forecasts():
    def priority():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords._in_worker(priority) == max(10, priority())
