"""When a target is left alone, and when it is asked again. The clock is turned by hand."""

import pytest

from services.gateway.adapters import breaker
from services.gateway.adapters.breaker import LEAST_CALLS, PAUSE_S, WINDOW_S, Breaker


@pytest.fixture
def clock(clock_of):
    return clock_of(breaker)


def call(each, *, failed):
    assert each.admits()
    each.ended(failed=failed)


def opened():
    each = Breaker()
    for _ in range(LEAST_CALLS):
        call(each, failed=True)
    assert each.is_open
    return each


def test_it_opens_once_half_of_enough_calls_failed(clock):
    each = Breaker()
    for number in range(LEAST_CALLS):
        assert not each.is_open
        call(each, failed=number % 2 == 0)
    assert each.is_open
    assert not each.admits()


def test_fewer_failures_leave_it_closed(clock):
    each = Breaker()
    for number in range(10 * LEAST_CALLS):
        call(each, failed=number % 3 == 0)
    assert not each.is_open


def test_too_few_calls_prove_nothing(clock):
    each = Breaker()
    for _ in range(LEAST_CALLS - 1):
        call(each, failed=True)
    assert each.admits()


def test_failures_of_long_ago_do_not_count(clock):
    each = Breaker()
    for _ in range(LEAST_CALLS - 1):
        call(each, failed=True)
    clock.now += WINDOW_S + 1
    for _ in range(LEAST_CALLS - 1):
        call(each, failed=True)
    assert not each.is_open


def test_what_says_nothing_of_the_target_does_not_count(clock):
    each = Breaker()
    for _ in range(10 * LEAST_CALLS):
        call(each, failed=None)
    assert not each.is_open


def test_an_open_one_lets_one_call_try_after_a_pause(clock):
    each = opened()
    clock.now += PAUSE_S
    assert each.admits()
    assert not each.admits()
    each.ended(failed=True)
    assert not each.admits()
    clock.now += PAUSE_S
    call(each, failed=False)
    assert not each.is_open
    assert each.admits()
    assert each.admits()


def test_a_try_whose_caller_went_away_makes_room_for_the_next(clock):
    each = opened()
    clock.now += PAUSE_S
    call(each, failed=None)
    call(each, failed=False)
    assert not each.is_open
