"""What docs/security.md and docs/asvs.md say is tested is; the latter leaves no requirement out."""

import re
from pathlib import Path

import pytest

from tests.data import REPOSITORY

PAGES = {name: (REPOSITORY / "docs" / name).read_text() for name in ("security.md", "asvs.md")}
LEVEL_2 = (Path(__file__).parent / "asvs-5.0-level-2.txt").read_text().split()
"""Ids of what ASVS 5.0.0 asks for at levels 1 and 2."""


def rows():
    """Ids, mark and what shows it, of every row of docs/asvs.md."""
    lines = [line for line in PAGES["asvs.md"].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(ids.split(", "), mark, shown) for ids, mark, shown in cells if ids not in {"id", "---"}]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page):
    named = set(re.findall(r"`(test_\w+)`", PAGES[page]))
    tests = [file.read_text() for file in (REPOSITORY / "tests").rglob("test_*.py")]
    there = {name for text in tests for name in re.findall(r"def (test_\w+)\(", text)}
    assert len(named) > 40
    assert named - there == set()


def test_every_requirement_of_asvs_has_one_row():
    assert len(LEVEL_2) == 253
    assert sorted(id_ for ids, _, _ in rows() for id_ in ids) == sorted(LEVEL_2)


def test_every_row_has_a_mark_and_what_holds_is_shown():
    assert {mark for _, mark, _ in rows()} == {"holds", "n/a", "open"}
    assert [ids for ids, mark, shown in rows() if mark == "holds" and "`" not in shown] == []
