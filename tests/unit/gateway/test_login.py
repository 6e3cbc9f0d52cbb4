"""How long a caller is known, and what is never remembered."""

from dataclasses import dataclass, field

import pytest

from services.core.errors import ForbiddenError, UnauthenticatedError
from services.gateway import login
from services.gateway.login import KNOWN_S, Login
from services.gateway.policy import ADMIN, FORECAST
from services.gateway.store.users import User
from services.gateway.tokens import Claims


@dataclass
class FakeUsers:
    disabled: bool = False
    scopes: frozenset[str] = frozenset({FORECAST})
    tokens_from_s: int = 0
    asked: list[str] = field(default_factory=list)

    async def by_id(self, user_id):
        self.asked.append(user_id)
        return User(user_id, "ada", "", self.disabled, self.scopes, self.tokens_from_s)


@dataclass
class FakeTokens:
    verified: list[str] = field(default_factory=list)

    def verify(self, token):
        self.verified.append(token)
        if token == "bad":
            raise UnauthenticatedError(token_given=True)
        return Claims(f"user of {token}", frozenset({FORECAST}), 1000)


@pytest.fixture
def clock(clock_of):
    return clock_of(login)


@pytest.fixture
def door(clock):
    return Login(FakeUsers(), None, None, None, FakeTokens(), {}, gives_for_passwords=True)


async def test_a_known_caller_is_not_looked_at_again(door):
    assert [(await door.admit("good", FORECAST)).id for _ in range(3)] == ["user of good"] * 3
    assert (len(door.tokens.verified), len(door.users.asked)) == (1, 1)


async def test_every_token_is_its_own_caller(door):
    assert (await door.admit("one", FORECAST)).id == "user of one"
    assert (await door.admit("two", FORECAST)).id == "user of two"


async def test_a_disabled_user_is_kept_out_once_the_second_is_over(door, clock):
    await door.admit("good", FORECAST)
    door.users.disabled = True
    clock.now += KNOWN_S
    with pytest.raises(UnauthenticatedError):
        await door.admit("good", FORECAST)
    door.users.disabled = False
    await door.admit("good", FORECAST)  # a refusal is not remembered


async def test_a_refused_token_is_looked_at_each_time(door):
    for _ in range(2):
        with pytest.raises(UnauthenticatedError):
            await door.admit("bad", FORECAST)
    assert door.tokens.verified == ["bad", "bad"]


async def test_no_more_callers_are_remembered_than_so_many(door, monkeypatch):
    monkeypatch.setattr(login, "_MOST_KNOWN", 10)
    for number in range(100):
        await door.admit(f"token {number}", FORECAST)
        assert len(door._known) <= 10


async def test_a_token_of_odd_characters_is_one_like_any_other(door):
    assert (await door.admit("\ud800", FORECAST)).id == "user of \ud800"


async def test_a_token_without_the_scope_is_no_good_though_its_bearer_is_known(door):
    await door.admit("good", FORECAST)
    with pytest.raises(ForbiddenError, match="admin"):
        await door.admit("good", ADMIN)


async def test_a_scope_that_was_taken_from_a_user_is_taken_from_its_tokens(door):
    door.users.scopes = frozenset()
    with pytest.raises(ForbiddenError):
        await door.admit("good", FORECAST)


async def test_tokens_that_were_ended_are_refused(door):
    door.users.tokens_from_s = 1001
    with pytest.raises(UnauthenticatedError):
        await door.admit("good", FORECAST)
