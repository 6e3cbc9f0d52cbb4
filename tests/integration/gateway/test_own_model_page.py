"""What docs/own-model.md shows works, in its order, and names all there is."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from pipelines.importing.description import Description
from pipelines.preprocessing.calendar import COLUMNS
from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS, REPOSITORY

PAGE = (REPOSITORY / "docs" / "own-model.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)


def test_from_nothing_to_a_forecast(tmp_path):
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds == ["python", "json", "bash", "bash", "python", "bash"]
    model, spec, command, serve, hours, call = (text for _, text in BLOCKS)
    shutil.copytree(MODELS / "cnn", tmp_path / "models" / "cnn")
    (tmp_path / "build").mkdir()

    def run(*words: str, text: str) -> str:
        answer = subprocess.run(
            words,
            input=text,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    shell = ("bash", "-euo", "pipefail")
    run(sys.executable, "-", text=model)
    (tmp_path / "build" / "mean-day.json").write_text(spec)
    said = run(*shell, text=command.replace("wattgate", f"{shlex.quote(sys.executable)} -m wattgate", 1))
    assert "mean-day: version 1 is stable." in said
    assert "not compiled" not in said
    run(sys.executable, "-", text=hours)

    assert serve == "wattgate serve\n"
    ports = free_ports()
    with running_pair(tmp_path / "var", ports, tmp_path / "models"):
        forecast = json.loads(run(*shell, text=call.replace("8443", str(ports.https))))
    assert forecast == pytest.approx([100] * 8 + [150] * 12 + [100] * 4, abs=1e-3)


def test_the_page_names_every_field_and_every_column():
    for name in [*Description.model_fields, *COLUMNS, "mean", "std", "observed"]:
        assert f"`{name}`" in PAGE
