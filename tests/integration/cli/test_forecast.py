"""`wattgate forecast`: tables, CSV, JSON, plots, many files, faulty ones, and where the gateway is not."""

import csv
import io
import json
from datetime import datetime

import pytest

from tests.data import BERLIN, MONDAY, QUARTER, SAMPLE, week_file, with_row
from wattgate.cli.failures import Exit

HEADER = "valid_from,valid_to,kw,lower_80_kw,upper_80_kw,lower_95_kw,upper_95_kw"


@pytest.fixture
def expected(running, bearer):
    """The gateway's own answer."""
    answer = running.https.post(
        "/v1/models/gru:forecast",
        content=SAMPLE.read_bytes(),
        headers={**bearer, "Content-Type": "text/csv"},
    )
    return answer.json()


@pytest.mark.parametrize("edge", [(), ("--grpc",)])
def test_a_table_has_local_times_figures_intervals_and_a_chart(known, running, expected, edge):
    answer = known.runs("forecast", SAMPLE, "--model", "gru", *edge, WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.OK, answer.stderr
    assert "supermarket.csv: gru, version 1" in answer.stdout
    assert "Europe/Berlin" in answer.stdout
    rows = [line for line in answer.stdout.splitlines() if "●" in line]
    assert len(rows) == 8
    for row, step in zip(rows, expected["steps"], strict=True):
        assert f"{step['kw']:,.1f}" in row
        assert f"{step['intervals'][1]['upper_kw']:,.1f}" in row
        local = datetime.fromisoformat(step["valid_from"]).astimezone(BERLIN)
        assert f"{local:%d.%m. %H:%M}" in row
        assert "━" in row


def test_a_terminal_of_few_characters_gets_a_chart_of_those(known):
    answer = known.runs("forecast", SAMPLE, PYTHONIOENCODING="ascii")
    assert answer.returncode == Exit.OK, answer.stderr
    assert sum("=o=" in line for line in answer.stdout.splitlines()) == 8
    assert answer.stdout.isascii()


def test_csv_is_the_forecast_alone(known, expected):
    answer = known.runs("forecast", SAMPLE, "--model", "gru", "--csv")
    assert answer.returncode == Exit.OK, answer.stderr
    assert answer.stdout.splitlines()[0] == HEADER
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert [float(row["kw"]) for row in rows] == [step["kw"] for step in expected["steps"]]


def test_json_is_the_forecast_alone_as_the_api_says_it(known, expected):
    answer = known.runs("forecast", SAMPLE, "--model", "gru", "--json")
    assert answer.returncode == Exit.OK, answer.stderr
    (said,) = map(json.loads, answer.stdout.splitlines())
    assert said["file"] == str(SAMPLE)
    assert [step["kw"] for step in said["steps"]] == [step["kw"] for step in expected["steps"]]
    assert said["steps"][0]["intervals"] == expected["steps"][0]["intervals"]
    assert (said["model"], said["model_version"]) == ("gru", 1)


def test_a_plot_is_drawn_of_all_files(known, tmp_path):
    plot = tmp_path / "plots" / "out.png"
    answer = known.runs("forecast", SAMPLE, SAMPLE, "--plot", plot)
    assert answer.returncode == Exit.OK, answer.stderr
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def folder(tmp_path):
    """Files of which some are at fault."""
    faulty = with_row(with_row(week_file(), 7, "2024-06-03 01:30:00,many"), 12, "2024-06-03 02:45:00,more")
    for name, content in (("a", week_file()), ("b", faulty), ("c", week_file(671)), ("d", week_file(680))):
        (tmp_path / f"{name}.csv").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("edge", [(), ("--grpc",)])
def test_files_at_fault_keep_no_other_from_its_forecast_and_show_their_rows(known, running, folder, edge):
    files = [folder / f"{name}.csv" for name in "abcde"]
    answer = known.runs("forecast", *files, "--model", "gru", *edge, WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.FAILED
    assert [name for name in "abcde" if f"{name}.csv: gru" in answer.stdout] == ["a", "d"]
    assert "Traceback" not in answer.stderr
    rows = [" ".join(line.replace("│", " ").split()) for line in answer.stderr.splitlines()]
    assert any(row.startswith("7 8 Wert (kW) ") and "many" in row for row in rows)
    assert any(row.startswith("12 13 Wert (kW) ") and "more" in row for row in rows)
    assert "c.csv: Refused: 672 rows are needed" in answer.stderr
    assert "e.csv: Failed: [Errno 2] No such file" in answer.stderr


def test_of_several_files_each_row_and_each_line_names_its_own(known, folder):
    files = [folder / f"{name}.csv" for name in "abd"]
    answer = known.runs("forecast", *files, "--csv")
    assert answer.returncode == Exit.FAILED
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert [row["file"] for row in rows] == [str(files[0])] * 8 + [str(files[2])] * 8
    answer = known.runs("forecast", *files, "--json")
    assert answer.returncode == Exit.FAILED
    first, refused, last = map(json.loads, answer.stdout.splitlines())
    assert (first["file"], last["file"]) == (str(files[0]), str(files[2]))
    assert (refused["error"]["status"], refused["error"]["reason"]) == (422, "INVALID_HISTORY")
    assert [fault["line"] for fault in refused["error"]["errors"]] == [8, 13]


@pytest.mark.parametrize("edge", [(), ("--grpc",)])
def test_what_is_declared_of_a_file_is_passed_on(known, running, tmp_path, edge):
    file = tmp_path / "odd.csv"
    file.write_bytes(with_row(week_file(680), 601, None).replace(b"Wert (kW)", b"Bezug"))
    declared = (
        "--tz", "UTC", "--column", "Bezug", "--unit", "kWh", "--labels", "end", "--doubled-hour", "second",
        "--gaps", "linear", "--max-gap-steps", "2", "--fallback", "none",
    )  # fmt: skip
    answer = known.runs("forecast", file, "--json", *declared, *edge, WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.OK, answer.stderr
    said = json.loads(answer.stdout)
    (repair,) = said["repaired"]
    assert repair["steps"] == 1
    assert min(step["kw"] for step in said["steps"]) > 300  # four times what the file has
    assert said["data_until"] == (MONDAY + 679 * QUARTER).astimezone(BERLIN).isoformat()
    answer = known.runs("forecast", file, *edge, WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.FAILED


def test_what_was_filled_and_what_fell_back_is_said_below_the_table(known, tmp_path):
    file = tmp_path / "gap.csv"
    file.write_bytes(with_row(week_file(680), 601, None))
    answer = known.runs("forecast", file, "--tz", "UTC", "--gaps", "linear")
    assert "Filled: 1 steps, 2024-06-09 08:00 to 2024-06-09 08:15" in answer.stdout
    answer = known.runs("forecast", file, "--tz", "UTC", "--fallback", "seasonal_naive")
    assert "Not the model's, but the fallback: gap: " in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--json", "--csv"), "exclude each other"),
        (("--unit", "MW"), "MW"),
        (("--max-gap-steps", "97"), "96"),
        ((*["x"] * 12, "--plot", "p.png"), "too many for one plot"),
        (("--server", "http://localhost"), "begins with https://"),
        (("--server", "https://[::1"), "Invalid IPv6 URL"),
    ],
)
def test_what_is_no_command_is_said_to_be_none(person, arguments, says):
    answer = person.runs("forecast", SAMPLE, *arguments)
    assert answer.returncode == Exit.USAGE
    assert says in answer.stderr


def test_a_gateway_that_is_not_there_is_said_with_what_to_do(person, home):
    answer = person.runs(
        "forecast", SAMPLE, SAMPLE, "--server", "https://localhost:1", "--ca-file", home.ca_file,
        WATTGATE_TOKEN="x",
    )  # fmt: skip
    assert answer.returncode == Exit.UNREACHABLE
    assert answer.stderr.count("localhost:1 cannot be reached") == 2
    assert "wattgate doctor" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_gateway_of_another_authority_is_said_with_what_to_do(known, home):
    answer = known.runs("forecast", SAMPLE, "--ca-file", home.ca_file)
    assert answer.returncode == Exit.UNREACHABLE
    assert "is not trusted" in answer.stderr
    assert "--ca-file" in answer.stderr
    assert "Traceback" not in answer.stderr
