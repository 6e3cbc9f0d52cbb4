"""What README.md, docs/tutorial.md and the other pages show works, in their order, in a copy of it all."""

import json
import re
import subprocess

import pytest

from tests.data import REPOSITORY
from tests.documents import PAGES, blocks, says

README = REPOSITORY / "README.md"
OTHERS = [page for page in PAGES if page != README and any(block.is_run for block in blocks(page))]


def test_make_run_prints_where_to_go_and_writes_it_down(copy, ports, made):
    demo = json.loads((copy / "var" / "demo.json").read_text())
    assert demo["https"] == f"https://localhost:{ports.https}"
    assert demo["grpc"] == f"localhost:{ports.grpc}"
    assert demo["model_server"] == f"localhost:{ports.model_server}"
    assert demo["ca_file"] == "var/ca.pem"
    said = made.read_text()
    for word in (demo["https"], demo["grpc"], demo["username"], demo["password"], demo["ca_file"]):
        assert word in said


def test_the_lines_that_make_run_prints_work(copy, made):
    lines = re.search(r"second terminal:\n\n(.*?)\n\nCtrl-C", made.read_text(), re.S).group(1)
    answer = subprocess.check_output(["bash", "-euo", "pipefail", "-c", lines], cwd=copy, text=True)
    assert answer.count("●") == 8


def test_the_readme_answers_forecasts(follow):
    command, library, curl, backtest, accounts = follow([block for block in blocks(README) if block.is_run])
    assert "kW" in command
    assert len(re.findall(r"\d kW$", library, re.M)) == 8
    *thesis, full = curl.splitlines()
    for line in thesis:
        values = json.loads(line)
        assert len(values) == 8
        assert all(20 < value < 500 for value in values)
    assert len(thesis) == 2
    assert len(json.loads(full)["steps"]) == 8
    assert "665 forecasts" in backtest
    assert "ada  (disabled)" in accounts
    assert json.loads(accounts.splitlines()[-1])["scope"] == "forecast"


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_a_page_works_from_its_first_block_to_its_last(follow, page):
    listed = [block for block in blocks(page) if block.is_run]
    for block, printed in zip(listed, follow(listed), strict=True):
        if block.prints is not None:
            assert says(printed) == says(block.prints)


def test_the_targets_that_the_pages_name_exist(copy):
    listed = subprocess.check_output(["make"], cwd=copy, text=True)
    named = {
        target
        for page in PAGES
        for target in re.findall(r"`make ([a-z-]*[a-z])(?:`| [A-Z])", page.read_text())
    }
    assert named >= {"demo", "docs", "test", "check", "train", "bench-grpc-vs-http"}
    for target in named:
        assert re.search(rf"^  {target} +\S", listed, re.M), target
