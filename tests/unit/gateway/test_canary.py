import numpy as np
import pytest

from services.gateway.canary import Terms, Trial

CALLERS = [f"caller-{i}" for i in range(4000)]


def trial(share=0.25, max_difference=0.5, version=2):
    return Trial("gru", version, Terms(share, max_difference))


def answered(trial, difference, times=1):
    for _ in range(times):
        trial.answered(np.full(8, 100.0 + 40 * difference), np.full(8, 100.0), 40.0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_it_takes_its_share_of_the_callers(share):
    taken = sum(trial(share).takes(caller) for caller in CALLERS)
    assert taken / len(CALLERS) == pytest.approx(share, abs=0.03)


def test_it_always_takes_the_same_callers_and_another_version_takes_others():
    first, again, next_version = (
        [one.takes(caller) for caller in CALLERS] for one in (trial(), trial(), trial(version=3))
    )
    assert first == again
    assert first != next_version


def test_one_that_does_as_the_stable_version_does_goes_on():
    one = trial()
    answered(one, 0.3, times=200)
    assert one.problem is None


@pytest.mark.parametrize("difference", [0.6, np.nan])
def test_one_that_strays_is_given_up_after_ten_calls_and_takes_nobody(difference):
    one = trial(share=1.0)
    answered(one, difference, times=9)
    assert one.problem is None
    answered(one, difference)
    assert "stray" in one.problem
    assert not any(map(one.takes, CALLERS))


def test_a_call_that_strays_among_many_is_put_up_with():
    one = trial()
    answered(one, 0.1, times=40)
    answered(one, 5.0)
    assert one.problem is None


def test_one_that_fails_is_given_up_at_the_third_failure():
    one = trial()
    for failures in range(3):
        assert one.problem is None, failures
        one.failed(RuntimeError("it broke"))
    assert one.problem == "3 of its last 3 calls failed, the last one: it broke"


def test_one_that_fails_seldom_goes_on():
    one = trial()
    for _ in range(10):
        answered(one, 0.1, times=19)
        one.failed(RuntimeError("once in a while"))
    assert one.problem is None


def test_where_the_stable_version_failed_there_is_nothing_to_compare_with():
    one = trial()
    for _ in range(20):
        one.answered(np.full(8, 9e9), None, 40.0)
    assert one.problem is None
