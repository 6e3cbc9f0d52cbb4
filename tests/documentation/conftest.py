import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.reference.__main__ import write
from tests.data import REPOSITORY

MKDOCS = Path(sys.prefix) / "docs" / "bin" / "mkdocs"


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """What is made of the code."""
    out = tmp_path_factory.mktemp("reference")
    write(out)
    return out


@pytest.fixture(scope="session")
def build(reference, tmp_path_factory):
    """Build a copy of the documentation, changed or not: the site, or what was said against it."""
    if not MKDOCS.exists():
        pytest.skip(f"{MKDOCS} is not there: `make docs` installs it")

    def build(change=lambda folder: None):
        folder = tmp_path_factory.mktemp("repository")
        for path in REPOSITORY.iterdir():
            if path.name not in {".git", ".venv", "build", "docs", "mkdocs.yml", "var"}:
                (folder / path.name).symlink_to(path)
        subprocess.run(["cp", "-r", REPOSITORY / "docs", REPOSITORY / "mkdocs.yml", folder], check=True)
        (folder / "build").mkdir()
        (folder / "build" / "reference").symlink_to(reference)
        change(folder)
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        command = [MKDOCS, "build"]
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return answer.returncode, answer.stderr, folder / "build" / "site"

    return build


@pytest.fixture(scope="session")
def site(build):
    """The built site."""
    status, said, folder = build()
    assert status == 0, said
    return folder
