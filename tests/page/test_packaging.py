"""What the page is made of: of its own, of what the registry has, and in every wheel."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from services.gateway.rest import page_files
from tests.data import REPOSITORY

PAGE = Path(page_files.__file__).parent / "page"
VENDOR = PAGE / "vendor"
PACKAGES = Path(__file__).parent / "packages"


def test_nothing_of_it_is_from_elsewhere_or_within_the_page():
    for path in PAGE.glob("*.*"):
        text = path.read_text()
        assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}, path.name
    html = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_what_is_vendored_is_what_the_registry_has():
    recorded = json.loads((VENDOR / "uplot.json").read_text())
    package = PACKAGES / f"uplot-{recorded['version']}.tgz"
    algorithm, _, digest = recorded["integrity"].partition("-")
    assert algorithm == "sha512"
    assert base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() == digest
    with tarfile.open(package) as archive:
        for file, member in recorded["files"].items():
            assert archive.extractfile(f"package/{member}").read() == (VENDOR / file).read_bytes(), file
    assert recorded["files"].keys() == {path.name for path in VENDOR.iterdir()} - {"README.md", "uplot.json"}


def test_the_wheel_has_all_of_it(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in PAGE.rglob("*"):
        if path.is_file():
            assert path.relative_to(REPOSITORY).as_posix() in names
