"""docs/requirements.md tells what the tests' marks say."""

from tests.requirements import FUNCTIONAL, NON_FUNCTIONAL, OPEN, PAGE, SECURITY, page, shown

ALL = FUNCTIONAL | NON_FUNCTIONAL | SECURITY


def test_the_page_is_that_of_the_tests():
    assert PAGE.read_text() == page(), "run make requirements"


def test_every_requirement_is_shown_or_said_not_to_be():
    assert shown().keys() == ALL.keys() - OPEN.keys()
