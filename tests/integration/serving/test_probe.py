"""What a container's HEALTHCHECK asks says whether the model server serves."""

import subprocess
import sys

from services.local.ports import free_port


def probe(target):
    return subprocess.run(
        [sys.executable, "-m", "services.serving.probe", target], capture_output=True, text=True, check=False
    )


def test_one_that_serves_is_well(running):
    asked = probe(running.demo["model_server"])
    assert (asked.returncode, asked.stderr) == (0, "")


def test_nobody_there_is_not_well():
    asked = probe(f"127.0.0.1:{free_port()}")
    assert asked.returncode == 1
    assert asked.stderr.startswith("UNAVAILABLE")
