"""A copy of the repository in which `make run` runs, as somebody has it who follows the pages."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from services.local.ports import free_ports
from tests.data import REPOSITORY


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
    while "Ctrl-C stops" not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.2)
    yield said
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)


@pytest.fixture(scope="module")
def follow(copy, ports, made):
    """Run blocks one after another in one shell, as a reader does; answers what each printed."""
    home = str(copy / "home")
    environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}

    def follow(listed):
        script = "\n".join(f"{command(block)}\necho; echo ----" for block in listed)
        script = script.replace("8443", str(ports.https)).replace("8444", str(ports.grpc))
        answer = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=script,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = answer.stdout.split("\n----\n")[:-1]
        stopped_at = listed[len(printed)].text if len(printed) < len(listed) else ""
        assert answer.returncode == 0, f"{stopped_at}\n{answer.stdout[-2000:]}\n{answer.stderr}"
        return printed

    return follow


def command(block):
    if block.language == "bash":
        return block.text
    return f".venv/bin/python - <<'END OF BLOCK'\n{block.text}END OF BLOCK"
