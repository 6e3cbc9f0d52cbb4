"""Every block of the pages is run, or says why not; what it says is true."""

import re
import subprocess

import pytest

from tests.data import REPOSITORY
from tests.deploy.azure import SECRETS
from tests.documents import EXECUTABLE, PAGES, RUN, blocks

ALL = [(page, block) for page in PAGES for block in blocks(page)]
NAMES = [f"{page.relative_to(REPOSITORY)}: {block.text.splitlines()[0][:40]}" for page, block in ALL]
DEPLOY = "deploy/azure/deploy.sh"


def test_the_pages_have_blocks_of_every_kind():
    assert sum(block.is_run for _, block in ALL) >= 15
    assert {block.mark for _, block in ALL} == {None, "not run", "run by"}
    assert any(block.prints for _, block in ALL)


@pytest.mark.parametrize(("page", "block"), ALL, ids=NAMES)
def test_a_block_is_run_or_says_why_not(page, block):
    assert block.language, "the fence names no language"
    if block.language not in EXECUTABLE:
        assert block.mark is None, f"{block.language} is never run: no mark is needed"
    elif block.mark == "not run":
        assert len(block.why.split()) >= 3, "a reason in words"
    elif block.mark == "run by":
        assert page.name in (REPOSITORY / block.why).read_text()
    else:
        assert block.language in RUN, f"{block.language} cannot be run here: mark it"


def test_every_fence_is_one_that_the_tests_see():
    for page in PAGES:
        fences = len(re.findall(r"^ *```", page.read_text(), re.M))
        printed = sum(block.prints is not None for block in blocks(page))
        assert fences == 2 * (len(blocks(page)) + printed), page


def test_the_readme_leads_to_what_is_there():
    """Links of all other pages are looked at when the site is built."""
    linked = re.findall(r"\]\(([^):#]+)", (REPOSITORY / "README.md").read_text())
    assert len(linked) > 15
    assert [path for path in linked if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize(
    "arguments",
    sorted(
        {
            line.split(maxsplit=1)[1]
            for _, block in ALL
            for line in block.text.splitlines()
            if line.startswith(DEPLOY)
        }
    ),
)
def test_calls_of_the_deployment_script_go_through_dry(arguments, tmp_path):
    """Those of deploy/azure/README.md and the pages, with `--dry-run`: what they would call is printed."""
    for secret in SECRETS:
        (tmp_path / secret).write_text("a secret")
    given = ["--dry-run", "--secrets", tmp_path, *arguments.replace("var/azure", str(tmp_path)).split()]
    answer = subprocess.run([REPOSITORY / DEPLOY, *given], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "az " in answer.stdout
