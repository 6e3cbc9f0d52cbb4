"""How long a caller is known, and what is never remembered."""

from dataclasses import dataclass, field

import pytest

from services.core.errors import UnauthenticatedError
from services.gateway import login
from services.gateway.login import KNOWN_S, Login
from services.gateway.users import User


@dataclass
class FakeUsers:
    disabled: bool = False
    asked: list[str] = field(default_factory=list)

    async def by_id(self, user_id):
        self.asked.append(user_id)
        return User(user_id, "ada", "", self.disabled)


@dataclass
class FakeTokens:
    verified: list[str] = field(default_factory=list)

    def verify(self, token):
        self.verified.append(token)
        if token == "bad":
            raise UnauthenticatedError(token_given=True)
        return f"user of {token}"


@pytest.fixture
def clock(clock_of):
    return clock_of(login)


@pytest.fixture
def door(clock):
    return Login(FakeUsers(), FakeTokens())


async def test_a_known_caller_is_not_looked_at_again(door):
    assert [(await door.caller("good")).user_id for _ in range(3)] == ["user of good"] * 3
    assert (len(door.tokens.verified), len(door.users.asked)) == (1, 1)


async def test_every_token_is_its_own_caller(door):
    assert (await door.caller("one")).user_id == "user of one"
    assert (await door.caller("two")).user_id == "user of two"


async def test_a_disabled_user_is_kept_out_once_the_second_is_over(door, clock):
    await door.caller("good")
    door.users.disabled = True
    clock.now += KNOWN_S
    with pytest.raises(UnauthenticatedError):
        await door.caller("good")
    door.users.disabled = False
    await door.caller("good")  # a refusal is not remembered


async def test_a_refused_token_is_looked_at_each_time(door):
    for _ in range(2):
        with pytest.raises(UnauthenticatedError):
            await door.caller("bad")
    assert door.tokens.verified == ["bad", "bad"]


async def test_no_more_callers_are_remembered_than_so_many(door, monkeypatch):
    monkeypatch.setattr(login, "_MOST_KNOWN", 10)
    for number in range(100):
        await door.caller(f"token {number}")
        assert len(door._known) <= 10


async def test_a_token_of_odd_characters_is_one_like_any_other(door):
    assert (await door.caller("\ud800")).user_id == "user of \ud800"
