"""Logging in by name and password: who gets a token, how many at a time, and what becomes of old hashes."""

import asyncio

import pytest

from services.gateway import passwords
from services.gateway.login import (
    MOST_WAITING,
    Login,
    TooManyLoginsError,
    UnsupportedGrantError,
    WrongCredentialsError,
)
from services.gateway.passwords import AT_WORK, Passwords
from services.gateway.store.clients import CLIENT_CREDENTIALS, PASSWORD, ClientStore
from services.gateway.store.throttle import ACCOUNT_AND_ADDRESS, Throttle
from services.gateway.store.users import UserStore
from services.gateway.tokens import Token

RIGHT = "a password of some length"
HERE = "192.0.2.1"


class Slow(Passwords):
    """Counts the passwords that are checked, and checks none before it may."""

    def __init__(self):
        super().__init__(b"p" * 32)
        self.checked = 0
        self.go_on = asyncio.Event()

    async def matches(self, password, hashed):
        self.checked += 1
        await self.go_on.wait()
        return await super().matches(password, hashed)


class NoTokens:
    """Tokens that nobody looks at."""

    def issue(self, subject, scopes, *, client_id, not_before_s):
        return Token(subject, 1, " ".join(scopes))


@pytest.fixture
def made(database, monkeypatch):
    monkeypatch.setattr(passwords, "COST", 4)

    def make(by, *, gives_for_passwords=True):
        stores = UserStore(database), ClientStore(database)
        return Login(*stores, by, Throttle(database), NoTokens(), {}, gives_for_passwords)

    return make


def log_in(login, password=RIGHT):
    return login.with_password("ada", password, address=HERE, client=None, asked=())


async def test_a_hash_of_before_is_made_anew_at_the_next_login(made):
    login = made(Passwords(b"p" * 32))
    added = await login.users.add("ada", await Passwords().rehash(RIGHT))
    assert (await log_in(login)).access_token == added.id
    renewed = (await login.users.by_name("ada")).password_hash
    assert login.passwords.outdated(added.password_hash)
    assert not login.passwords.outdated(renewed)
    await log_in(login)
    assert (await login.users.by_name("ada")).password_hash == renewed


async def test_a_gateway_that_gives_no_tokens_for_passwords_does_not_even_look(made):
    login = made(Slow(), gives_for_passwords=False)
    assert made(Slow()).grants == (PASSWORD, CLIENT_CREDENTIALS)
    assert login.grants == (CLIENT_CREDENTIALS,)
    with pytest.raises(UnsupportedGrantError):
        await log_in(login)
    assert login.passwords.checked == 0


async def test_so_many_may_wait_and_the_next_is_sent_away(made):
    login = made(Slow())
    await login.users.add("ada", await login.passwords.rehash(RIGHT))
    tasks = [asyncio.create_task(log_in(login)) for _ in range(AT_WORK + MOST_WAITING)]
    async with asyncio.timeout(10):
        while login.passwords.checked < AT_WORK:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    with pytest.raises(TooManyLoginsError) as caught:
        await log_in(login)
    assert caught.value.retry_after_s > 0
    assert login.passwords.checked == AT_WORK
    login.passwords.go_on.set()
    assert len({token.access_token for token in await asyncio.gather(*tasks)}) == 1


async def test_guessing_all_at_once_gives_no_more_guesses(made):
    login = made(Slow())
    login.passwords.go_on.set()
    await login.users.add("ada", await login.passwords.rehash(RIGHT))
    guesses = [log_in(login, f"not the password {number}") for number in range(40)]
    outcomes = {type(outcome) for outcome in await asyncio.gather(*guesses, return_exceptions=True)}
    assert outcomes == {WrongCredentialsError, TooManyLoginsError}
    assert login.passwords.checked <= ACCOUNT_AND_ADDRESS.failures + AT_WORK - 1
