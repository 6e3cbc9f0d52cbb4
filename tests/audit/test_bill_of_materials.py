"""What each process is made of is told in full, as CycloneDX documents."""

import json
import re

import pytest

from tests.audit.tools import run
from tests.data import REPOSITORY

LOCKS = ("gateway", "serving")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("process", LOCKS)
def test_it_names_what_is_installed_and_nothing_else(process, tmp_path):
    lock = REPOSITORY / "requirements" / f"{process}.txt"
    out = tmp_path / "sbom.json"
    made = run("cyclonedx-py", "requirements", lock, "--of", "JSON", "--sv", "1.6", "-o", out)
    assert made.returncode == 0, made.stderr
    document = json.loads(out.read_text())
    assert document["specVersion"] == "1.6"
    told = {(canonical(part["name"]), part["version"]) for part in document["components"]}
    locked = {
        (canonical(found[1]), found[2])
        for line in lock.read_text().splitlines()
        if (found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", line))
    }
    assert told == locked
    assert all(
        part["hashes"] if "hashes" in part else part["externalReferences"] for part in document["components"]
    )
