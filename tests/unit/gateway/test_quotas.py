"""A minute's forecasts at once, then as fast as they grow back. The clock is turned by hand."""

import asyncio

import pytest

from services.core.errors import OverQuotaError
from services.gateway import quotas
from services.gateway.quotas import Quotas

PER_MINUTE = 30
EACH_S = 2.0


@pytest.fixture
def clock(clock_of):
    return clock_of(quotas)


def test_a_minutes_forecasts_are_there_at_once_and_grow_back(clock):
    counted = Quotas(PER_MINUTE)
    for _ in range(PER_MINUTE):
        counted.take("ada")
    with pytest.raises(OverQuotaError, match="30 forecasts a minute") as refused:
        counted.take("ada")
    assert refused.value.retry_after_s == EACH_S
    clock.now += EACH_S - 0.5
    with pytest.raises(OverQuotaError):
        counted.take("ada")
    clock.now += 0.5
    counted.take("ada")
    with pytest.raises(OverQuotaError):
        counted.take("ada")


def test_nobody_pays_for_another(clock):
    counted = Quotas(PER_MINUTE)
    counted.take("ada", PER_MINUTE)
    counted.take("bob", PER_MINUTE)


def test_rest_is_not_saved_up(clock):
    counted = Quotas(PER_MINUTE)
    counted.take("ada")
    clock.now += 3600
    counted.take("ada", PER_MINUTE)
    with pytest.raises(OverQuotaError):
        counted.take("ada")


def test_more_than_a_minutes_at_once_are_had_by_who_had_none_and_paid_for(clock):
    counted = Quotas(PER_MINUTE)
    counted.take("ada", 2 * PER_MINUTE)
    with pytest.raises(OverQuotaError) as refused:
        counted.take("ada")
    assert refused.value.retry_after_s == 60 + EACH_S


def test_who_owes_nothing_is_forgotten_and_who_owes_is_not(clock, monkeypatch):
    monkeypatch.setattr(quotas, "_MOST_KNOWN", 3)
    counted = Quotas(PER_MINUTE)
    for caller in ("ada", "bob"):
        counted.take(caller)
    clock.now += EACH_S
    counted.take("eve", PER_MINUTE)
    counted.take("dan")
    assert counted._even_at_s.keys() == {"eve", "dan"}
    with pytest.raises(OverQuotaError):
        counted.take("eve")


async def test_who_waits_for_a_turn_has_it_when_there_is_room_and_not_before():
    counted = Quotas(6000)
    counted.take("ada", 6000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(counted.turn("ada") for _ in range(10)))
    assert loop.time() - began >= 10 * 60 / 6000 - 0.001
