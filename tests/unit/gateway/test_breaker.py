"""When a target is left alone. The clock is turned by hand."""

import pytest

from services.gateway.adapters import breaker
from services.gateway.adapters.breaker import LEAST_CALLS, WINDOW_S, Breaker


@pytest.fixture
def clock(clock_of):
    return clock_of(breaker)


def opened():
    each = Breaker()
    for _ in range(LEAST_CALLS):
        each.ended(failed=True)
    assert each.is_open
    return each


def test_it_opens_once_half_of_enough_calls_failed(clock):
    each = Breaker()
    for number in range(LEAST_CALLS):
        assert not each.is_open
        each.ended(failed=number % 2 == 0)
    assert each.is_open


def test_fewer_failures_leave_it_closed(clock):
    each = Breaker()
    for number in range(10 * LEAST_CALLS):
        each.ended(failed=number % 3 == 0)
    assert not each.is_open


def test_too_few_calls_prove_nothing(clock):
    each = Breaker()
    for _ in range(LEAST_CALLS - 1):
        each.ended(failed=True)
    assert not each.is_open


def test_failures_of_long_ago_do_not_count(clock):
    each = Breaker()
    for _ in range(LEAST_CALLS - 1):
        each.ended(failed=True)
    clock.now += WINDOW_S + 1
    for _ in range(LEAST_CALLS - 1):
        each.ended(failed=True)
    assert not each.is_open


def test_what_says_nothing_of_the_target_does_not_count(clock):
    each = Breaker()
    for _ in range(10 * LEAST_CALLS):
        each.ended(failed=None)
    assert not each.is_open


def test_calls_that_were_under_way_do_not_close_it(clock):
    each = opened()
    each.ended(failed=False)
    assert each.is_open


def test_once_closed_it_counts_anew(clock):
    each = opened()
    each.close()
    for _ in range(LEAST_CALLS - 1):
        each.ended(failed=True)
        assert not each.is_open
    each.ended(failed=True)
    assert each.is_open
