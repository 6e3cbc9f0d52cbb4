"""Nothing is locked that is older than the fix of a known hole, nor what nobody looks after any more."""

import re
from importlib.metadata import version

import pytest
from packaging.version import Version

from tests.data import REPOSITORY
from tests.locks import locked

FLOORS = {
    "bcrypt": "5.0.0",  # says when a password is too long instead of cutting it off
    "grpcio": "1.85.1",
    "h11": "0.16.0",  # CVE-2025-43859
    "protobuf": "6.33.5",  # CVE-2026-0994
    "pyjwt": "2.13.0",
    "python-multipart": "0.0.27",  # GHSA-pp6c-gr5w-3c5g
    "starlette": "1.3.1",  # CVE-2026-54283
    "tensorflow-cpu": "2.20.0",
    "uvicorn": "0.49.0",  # two X-Forwarded-* headers
}
"""By canonical name."""
NEVER = {"passlib", "python-jose"}
"""Not looked after; CVE-2024-33663."""

LOCKS = sorted(file for file in (REPOSITORY / "requirements").glob("*.txt") if file.stem != "audit")


@pytest.mark.requirement("NFR3")
@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.stem)
def test_no_lock_is_below_a_floor(file):
    found = locked(file)
    assert found
    below = {name: str(found[name]) for name in FLOORS.keys() & found if found[name] < Version(FLOORS[name])}
    assert below == {}
    assert not NEVER & found.keys()


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_installed_is_not_below_it_either(name):
    assert Version(version(name)) >= Version(FLOORS[name])


def test_every_lock_has_hashes_alone():
    for file in (REPOSITORY / "requirements").glob("*.txt"):
        entries = [block for block in re.split(r"\n(?=\S)", file.read_text().strip()) if block]
        assert all("--hash=sha256:" in entry for entry in entries), file
