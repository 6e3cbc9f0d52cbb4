"""What the README shows works, in its order, in a copy of the repository."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from services.local.ports import free_ports
from tests.data import REPOSITORY

BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The files that git would give out, and nothing set up: everything is installed anew."""
    folder = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=REPOSITORY, text=True).split("\0")[:-1]:
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    yield folder
    shutil.rmtree(folder)  # its virtual environment is large


@pytest.fixture(scope="module")
def ports():
    return free_ports()


@pytest.fixture(scope="module")
def made(copy, ports):
    """`make run`, on free ports."""
    assert BLOCKS[0] == ("bash", "make run\n")
    environment = {
        **os.environ,
        "HTTPS_PORT": str(ports.https),
        "GRPC_PORT": str(ports.grpc),
        "MODEL_SERVER_PORT": str(ports.model_server),
    }
    said = copy / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            ["make", "run"], cwd=copy, env=environment, stdout=out, start_new_session=True
        )
    deadline = time.monotonic() + 400
    while not (copy / "var" / "demo.json").exists():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.2)
    yield said
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)


@pytest.fixture(scope="module")
def shell(copy, ports, made):
    """Run blocks one after another in one shell, as a reader does; answers what each printed."""

    def run(kind: str) -> list[str]:
        blocks = [text.replace("8443", str(ports.https)) for found, text in BLOCKS[1:] if found == kind]
        command = ["bash", "-euo", "pipefail"] if kind == "bash" else [".venv/bin/python"]
        if kind == "bash":
            blocks = ["\necho ----\n".join(blocks)]
        printed = []
        for block in blocks:
            answer = subprocess.run(
                command, input=block, cwd=copy, capture_output=True, text=True, check=False
            )
            assert answer.returncode == 0, answer.stderr
            printed += answer.stdout.split("----\n")
        return printed

    return run


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
    assert len(json.loads(answer)) == 8


def test_the_shell_examples_answer_forecasts(shell):
    thesis, full, backtest, users, client = shell("bash")
    for line in thesis.splitlines():
        values = json.loads(line)
        assert len(values) == 8
        assert all(20 < value < 500 for value in values)
    assert len(thesis.splitlines()) == 2
    assert len(json.loads(full)["steps"]) == 8
    assert "665 forecasts" in backtest
    assert "ada  (disabled)" in users
    assert json.loads(client)["scope"] == "forecast"


def test_the_python_examples_answer_forecasts(shell):
    library, stubs, tensorflow_serving = shell("python")
    assert len(re.findall(r"\d kW$", library, re.M)) == 8
    assert "Step(valid_from=" in library
    assert re.fullmatch(r"gru 1 \[([\d.]+, ){7}[\d.]+\]\n(meter \d+ [\d.]+\n){100}", stubs)
    assert tensorflow_serving == "1 (1, 8)\n"


def test_the_targets_that_the_readme_names_exist(copy):
    listed = subprocess.check_output(["make"], cwd=copy, text=True)
    named = set(re.findall(r"`make ([a-z-]+)", (copy / "README.md").read_text()))
    assert named >= {"demo", "test", "check", "train", "bench-grpc-vs-http"}
    for target in named:
        assert re.search(rf"^  {target} +\S", listed, re.M), target
