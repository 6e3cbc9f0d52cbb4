"""`wattgate backtest` by a repository here; by a gateway: tests/integration/gateway/test_backtest.py."""

import json

import pytest
from typer.testing import CliRunner

from tests.data import MODELS, SAMPLE
from wattgate.cli import app


def backtest(*arguments):
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def test_json_is_the_report_and_nothing_else_and_the_plot_a_png(tmp_path):
    plot = tmp_path / "plots" / "sample.png"
    result = backtest(
        SAMPLE, "--model", "cnn", "--repository", MODELS, "--stride", 16, "--json", "--plot", plot
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["windows"] == (1344 - 680) // 16 + 1
    assert report["mae_kw"] < report["naive"]["last_value"]["mae_kw"]
    assert set(report["naive"]) == {"last_value", "yesterday", "last_week", "linear"}
    assert 0 <= report["coverage_80"] <= report["coverage_95"] <= 1
    assert len(report["by_step"]) == 8
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_without_json_it_is_a_table():
    result = backtest(SAMPLE, "--model", "gru", "--repository", MODELS, "--stride", 32)
    assert result.exit_code == 0, result.output
    for name in ("last value", "yesterday", "last week", "linear", "model", "within 80 %"):
        assert name in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--model", "lstm", "--repository", MODELS), 1, "has no version"),
        (
            ("--model", "gru", "--repository", MODELS, "--version", 9),
            1,
            "no version 9 of 'gru'; there are: 1",
        ),
        (("--model", "gru", "--repository", MODELS, "--tz", "Mars"), 2, "is not a time zone"),
        (("--model", "gru", "--repository", MODELS, "--column", "Bezug"), 1, "Bezug"),
        (("--repository", MODELS), 2, "--model"),
        (("--model", "gru", "--server", "https://localhost:1"), 3, "wattgate login"),
        (("--model", "gru"), 2, "wattgate serve"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(arguments, status, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = backtest(SAMPLE, *arguments)
    assert result.exit_code == status
    assert says in " ".join(result.output.replace("│", " ").split())


def test_a_gateway_that_is_not_there_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setenv("WATTGATE_TOKEN", "x")
    result = backtest(SAMPLE, "--model", "gru", "--server", "https://localhost:1")
    assert result.exit_code == 4
    assert "localhost:1 cannot be reached" in result.output
    assert "wattgate doctor" in result.output
