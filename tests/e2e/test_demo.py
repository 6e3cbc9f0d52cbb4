"""`make demo` shows and keeps the same figures over both edges."""

import json
import subprocess
import sys

from tests.data import REPOSITORY


def test_the_demo_keeps_equal_figures_and_a_picture():
    answer = subprocess.run(
        [sys.executable, "-m", "services.local.demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    demo = json.loads((REPOSITORY / "build" / "demo.json").read_text())
    assert set(demo) == {"https", "grpc", "elapsed_s"}
    assert demo["https"] == demo["grpc"]
    assert demo["https"].keys() == {"cnn", "gru"}
    assert all(len(values) == 8 for values in demo["https"].values())
    assert demo["https"]["cnn"] != demo["https"]["gru"]
    assert (REPOSITORY / "build" / "demo.png").read_bytes().startswith(b"\x89PNG")
