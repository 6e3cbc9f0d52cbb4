"""The tools of requirements/deploy.txt, which have an environment of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.prefix) / "deploy" / "bin"
IN_VENV = Path(__file__).parent / "in_venv"


def run(
    tool: str, *arguments: object, text: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A tool's output and exit status, whatever it is. Skips the test where the tools are not installed."""
    program = BIN / tool
    if not program.exists():
        pytest.skip(f"{program} is not there: `make check-deploy` installs it")
    return subprocess.run(
        [program, *map(str, arguments)], input=text, capture_output=True, text=True, check=False, cwd=cwd
    )


def answer(script: str, *arguments: object, text: str = "") -> Any:
    """What a script of in_venv/ answers, which is JSON."""
    ran = run("python", IN_VENV / script, *arguments, text=text)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)
