"""`wattgate import` as a process: what it refuses, in a sentence, and that nothing is left behind then."""

import json
import subprocess
import sys

import pytest

from tests.data import REPOSITORY
from tests.own_models import HOURLY, describe, save_hourly


@pytest.fixture(scope="module")
def hourly(tmp_path_factory):
    return save_hourly(tmp_path_factory.mktemp("saved") / "hourly")


@pytest.fixture
def wattgate(tmp_path):
    """Run it over a repository of the test's own."""

    def run(saved_model, *options, name="hourly", **changes) -> subprocess.CompletedProcess[str]:
        spec = describe(tmp_path / "spec.json", HOURLY, **changes)
        given = {"spec": spec, "name": name, "repository": tmp_path / "models", "config": tmp_path / "config"}
        words = [str(part) for key, value in given.items() for part in (f"--{key}", value)]
        return subprocess.run(
            [sys.executable, "-m", "wattgate", "import", str(saved_model), *words, *options],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def refused(answer) -> str:
    assert answer.returncode == 1, answer
    assert answer.stdout.strip() == ""
    (told,) = [line for line in answer.stderr.splitlines() if line.startswith("Refused: ")]
    assert "Traceback" not in answer.stderr
    return told


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolution": "PT50M"}, "spec.json: resolution: must be an ISO 8601 duration that divides a day"),
        (
            {"window": 96},
            "signature serving_default: its input past has the shape (None, 168, 3); by its spec",
        ),
        ({"name": "../hourly"}, "'../hourly' cannot be the name of a model: take up to 64 letters, digits"),
    ],
)
def test_a_fault_is_told_in_a_sentence_and_nothing_is_left(wattgate, tmp_path, hourly, changes, says):
    assert says in refused(wattgate(hourly, **changes))
    assert not list(tmp_path.glob("models/**/*"))
    assert not (tmp_path / "config").exists()


def test_a_file_of_keras_is_refused_with_what_to_call(wattgate, tmp_path):
    (tmp_path / "own.keras").write_bytes(b"PK")
    assert "model.export('folder')" in refused(wattgate(tmp_path / "own.keras"))


def test_the_first_version_serves_at_once_and_a_second_one_has_to_be_judged(wattgate, tmp_path, hourly):
    first = wattgate(hourly)
    assert first.returncode == 0, first.stderr
    assert "hourly: version 1 is stable." in first.stdout
    assert "restart `wattgate serve`" in first.stdout
    before = (tmp_path / "config").read_text()
    told = refused(wattgate(hourly))
    assert "version 1 of hourly serves: one that is to follow it is judged by a meter file, --data" in told
    assert [path.name for path in (tmp_path / "models" / "hourly").iterdir()] == ["1"]
    assert (tmp_path / "config").read_text() == before


def test_a_version_by_another_clock_is_refused_before_it_is_judged(wattgate, tmp_path, hourly):
    assert wattgate(hourly).returncode == 0
    data = tmp_path / "empty.csv"
    data.touch()
    told = refused(wattgate(hourly, "--data", str(data), time_zone="Europe/London"))
    assert "by the clock of Europe/London" in told
    assert "publish it under another name" in told


def test_the_schema_is_shown_without_a_model():
    shown = subprocess.run(
        [sys.executable, "-m", "wattgate", "import", "--show-schema"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout
    assert set(HOURLY) <= set(json.loads(shown)["properties"])
