"""Rules of our own for what may not be written; each has examples of what it finds and what it lets be."""

from pathlib import Path

import pytest

from tests.audit.tools import run
from tests.data import REPOSITORY

RULES = Path(__file__).parent / "rules"
OFFLINE = ("--metrics=off", "--disable-version-check")


def test_every_rule_finds_its_bad_examples_and_leaves_the_good_ones():
    tested = run("semgrep", "scan", *OFFLINE, "--test", RULES)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "All tests passed" in tested.stdout + tested.stderr


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_rule_has_examples_of_both_kinds(file):
    ids = [line.split("id:")[1].strip() for line in file.read_text().splitlines() if "- id:" in line]
    examples = file.with_suffix(".py").read_text()
    for id_ in ids:
        assert f"# ruleid: {id_}" in examples
        assert f"# ok: {id_}" in examples


def test_the_product_keeps_to_them():
    scanned = run(
        "semgrep",
        "scan",
        *OFFLINE,
        "--error",
        "--config",
        RULES,
        "services",
        "pipelines",
        "wattgate",
        cwd=REPOSITORY,
    )
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
