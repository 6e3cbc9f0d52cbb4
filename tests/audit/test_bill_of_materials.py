"""What each process is made of is told in full, as CycloneDX documents."""

import json

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.audit.tools import run
from tests.data import REPOSITORY
from tests.locks import locked

LOCKS = ("gateway", "serving")


@pytest.mark.parametrize("process", LOCKS)
def test_it_names_what_is_installed_and_nothing_else(process, tmp_path):
    lock = REPOSITORY / "requirements" / f"{process}.txt"
    out = tmp_path / "sbom.json"
    made = run("cyclonedx-py", "requirements", lock, "--of", "JSON", "--sv", "1.6", "-o", out)
    assert made.returncode == 0, made.stderr
    document = json.loads(out.read_text())
    assert document["specVersion"] == "1.6"
    told = {canonicalize_name(part["name"]): Version(part["version"]) for part in document["components"]}
    assert told == locked(lock)
    assert all(
        part["hashes"] if "hashes" in part else part["externalReferences"] for part in document["components"]
    )
