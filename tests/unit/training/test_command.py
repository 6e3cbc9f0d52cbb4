from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.training import __main__ as command
from pipelines.training.supermarket import START, supermarket_load
from tests.unit.training.conftest import TINY


def run(*arguments: str):
    return CliRunner().invoke(command.app, list(arguments))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(command, "Hyperparameters", lambda: TINY)


def meter_file(folder: Path, rows: int) -> Path:
    series = supermarket_load(START, 28, seed=1)
    file = folder / "meter.csv"
    stamps = series.times_s[:rows].astype("datetime64[s]")
    lines = [f"{str(at).replace('T', ' ')},{kw}\n" for at, kw in zip(stamps, series.kw[:rows], strict=True)]
    file.write_text("Datum,Wert (kW)\n" + "".join(lines))
    return file


def test_it_trains_both_models_on_a_file_and_says_where_they_are(tiny, tmp_path):
    result = run(
        "--data", str(meter_file(tmp_path, 28 * 96)), "--time-zone", "UTC", "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 0, result.output
    for name in ("cnn", "gru"):
        assert (tmp_path / "out" / name / "1" / "saved_model.pb").is_file()
        assert f"{name}: " in result.output
    assert "last_week" in result.output


def test_a_file_too_short_to_train_on_is_refused(tiny, tmp_path):
    result = run(
        "--data", str(meter_file(tmp_path, 700)), "--time-zone", "UTC", "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 1
    assert "too little data" in result.output
    assert not (tmp_path / "out").exists()


def test_an_unknown_zone_is_refused(tmp_path):
    result = run("--time-zone", "Europe/Atlantis", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "Europe/Atlantis" in result.output
