"""When a call is tried again, and how many are."""

import time

import pytest

from wattgate.client.retries import Deadline, Retries
from wattgate.errors import TimedOut, Unavailable, Untrusted

SOON, LATER = Deadline.after(0.5), Deadline.after(1e6)


def test_retries_stay_at_a_tenth_of_the_calls_and_a_few_whatever_goes_wrong():
    retries, tried_again = Retries(), 0
    for _ in range(1_000):
        retries.called()
        tries = 1
        while retries.pause_s(tries, Unavailable("away"), LATER) is not None:
            tries += 1
            tried_again += 1
    assert tried_again == pytest.approx(1_000 * Retries.PER_CALL + Retries.MOST, abs=1)


def test_a_call_is_tried_five_times_with_pauses_that_grow_and_differ():
    pauses = [Retries().pause_s(tries, Unavailable("away"), LATER) for tries in range(1, 6)]
    assert pauses[4] is None
    for tries, pause_s in enumerate(pauses[:4]):
        assert 0.05 * 2**tries <= pause_s <= 0.1 * 2**tries
    assert len({Retries().pause_s(1, Unavailable("away"), LATER) for _ in range(9)}) == 9


def test_the_gateways_word_on_when_counts_and_the_callers_end_does_too():
    busy = Unavailable("busy", retry_after_s=2.0)
    assert 2.0 < Retries().pause_s(1, busy, LATER) <= 2.1
    assert Retries().pause_s(1, busy, SOON) is None


@pytest.mark.parametrize("error", [TimedOut("late"), Untrusted("whose?")])
def test_what_does_not_get_better_is_not_tried_again(error):
    assert Retries().pause_s(1, error, LATER) is None


def test_a_deadline_that_is_past_is_said_and_costs_no_retry():
    past = Deadline(time.monotonic() - 1)
    with pytest.raises(TimedOut, match="timeout_s"):
        _ = past.left_s
    assert Retries().pause_s(1, Unavailable("away"), past) is None
