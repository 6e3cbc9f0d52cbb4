"""Shell scripts keep to shellcheck's rules, and stop at the first thing that goes wrong."""

import pytest

from tests.data import REPOSITORY
from tests.deploy import files
from tests.deploy.tools import run


def said_of(text):
    return run("shellcheck", "-", text=text)


@pytest.mark.parametrize("file", files.SCRIPTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_shellcheck_has_nothing_to_say(file):
    linted = said_of(file.read_text())
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("file", files.SCRIPTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_it_stops_at_the_first_thing_that_goes_wrong(file):
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] in {"set -euo pipefail", "set -eu"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("#!/bin/bash\naz group delete --name $1\n", "SC2086"),
        ("#!/bin/bash\nfor image in $(ls); do docker push $image; done\n", "SC2045"),
        ('#!/bin/bash\nrm -rf "$folder/"*\n', "SC2115"),
        ("#!/bin/bash\nlocal registry=$(az acr list)\n", "SC2155"),
    ],
)
def test_what_shellcheck_is_there_for_it_finds(text, rule):
    assert rule in said_of(text).stdout
