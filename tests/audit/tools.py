"""The tools of requirements/audit.txt, which have an environment of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.prefix) / "audit" / "bin"


def run(tool: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A tool's output and exit status, whatever it is. Skips the test where the tools are not installed."""
    program = BIN / tool
    if not program.exists():
        pytest.skip(f"{program} is not there: `make test` installs it")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )
