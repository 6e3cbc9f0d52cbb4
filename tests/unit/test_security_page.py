"""What docs/security.md says is tested is."""

import re

from tests.data import REPOSITORY

NAMED = set(re.findall(r"`(test_\w+)`", (REPOSITORY / "docs" / "security.md").read_text()))


def test_every_test_that_is_named_exists():
    tests = [file.read_text() for file in (REPOSITORY / "tests").rglob("test_*.py")]
    there = {name for text in tests for name in re.findall(r"def (test_\w+)\(", text)}
    assert len(NAMED) > 40
    assert NAMED - there == set()
