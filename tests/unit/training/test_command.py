import csv
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pipelines.evaluation.gate import NotGoodEnoughError
from pipelines.training import __main__ as command
from pipelines.training import runs, training
from pipelines.training.supermarket import START, supermarket_load
from tests.unit.training.conftest import TINY


def run(*arguments: str):
    return CliRunner().invoke(command.app, list(arguments))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(command, "Hyperparameters", lambda: TINY)


def meter_file(folder: Path, rows: int) -> Path:
    series = supermarket_load(START, 42, seed=1)
    file = folder / "meter.csv"
    stamps = series.times_s[:rows].astype("datetime64[s]")
    lines = [f"{str(at).replace('T', ' ')},{kw}\n" for at, kw in zip(stamps, series.kw[:rows], strict=True)]
    file.write_text("Datum,Wert (kW)\n" + "".join(lines))
    return file


def test_it_trains_a_model_on_a_file_and_leaves_a_run_behind(tiny, tmp_path):
    data, out, runs = meter_file(tmp_path, 42 * 96), tmp_path / "out", tmp_path / "runs"
    given = {"data": data, "time-zone": "UTC", "out": out, "runs": runs, "model": "cnn"}
    result = run(*(part for name, value in given.items() for part in (f"--{name}", str(value))))
    assert result.exit_code == 0, result.output
    assert (out / "cnn" / "1" / "saved_model.pb").is_file()
    assert "linear" in result.output
    (folder,) = runs.iterdir()
    assert str(folder) in result.output
    configuration = json.loads((folder / "configuration.json").read_text())
    assert configuration["hyperparameters"]["seed"] == TINY.seed
    assert configuration["training"]["data_sha256"]
    assert "sha256:" in configuration["training"]["code"]
    assert set(configuration["training"]["packages"]) == {"keras", "numpy", "tensorflow"}
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["naive"]) == {"last_value", "yesterday", "last_week", "linear"}
    with (folder / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    for plot in ("history.png", "backtest.png"):
        assert (folder / plot).read_bytes().startswith(b"\x89PNG")


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


def test_a_model_that_is_not_good_enough_is_named_and_the_other_one_kept(tiny, tmp_path, monkeypatch):
    def only_cnn(name, *_):
        if name == "gru":
            raise NotGoodEnoughError("last week alone has less")
        return outcome

    outcome = SimpleNamespace(
        folder=tmp_path / "cnn" / "1",
        report=SimpleNamespace(naive={}, mae_kw=1.0, rmse_kw=2.0, coverage_80=None, coverage_95=0.95),
    )
    monkeypatch.setattr(training, "train", only_cnn)
    monkeypatch.setattr(training, "prepare", lambda *_: None)
    monkeypatch.setattr(runs, "write_run", lambda *_: tmp_path / "run")
    result = run(
        "--data", str(meter_file(tmp_path, 96)), "--time-zone", "UTC", "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 1
    assert "gru was not written: last week alone has less" in result.output
    assert f"cnn: {tmp_path / 'cnn' / '1'}" in result.output


def test_wattgate_train_is_this_command():
    shown = subprocess.run(
        [sys.executable, "-m", "wattgate", "train", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "--time-zone" in shown


def test_a_file_in_other_words_is_taken_as_declared(tiny, tmp_path):
    file = meter_file(tmp_path, 700)
    file.write_text(file.read_text().replace("Wert (kW)", "Bezug"))
    result = run(
        "--data", str(file), "--time-zone", "UTC", "--column", "Bezug", "--unit", "kWh", "--labels", "end"
    )
    assert "700 rows" in " ".join(result.output.split())
    assert "too little data" in result.output
