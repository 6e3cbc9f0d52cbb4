"""What of a caller's time another service may have."""

import pytest

from services.core.deadline import LEAST_S, RETURN_S, Deadline
from services.core.errors import DeadlineError


def test_another_service_gets_what_is_left_less_the_way_home():
    assert 1 - RETURN_S - 0.1 < Deadline.after(1).for_upstream_s() <= 1 - RETURN_S


@pytest.mark.parametrize("left_s", [LEAST_S - 0.001, 0, -1])
def test_with_too_little_left_nobody_is_asked(left_s):
    with pytest.raises(DeadlineError):
        Deadline.after(left_s).for_upstream_s()
