"""The OpenAPI description is one that generators make working clients of."""

import json
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.audit.tools import BIN, run
from tests.data import BERLIN, MODELS, SAMPLE
from tests.integration.conftest import connect

FOLDER = Path(__file__).parent
CSV = SAMPLE.read_text()
ROWS = [row.split(",") for row in CSV.splitlines()[1:]]
KW = [float(kw) for _, kw in ROWS]
START = datetime.fromisoformat(ROWS[0][0]).replace(tzinfo=BERLIN).isoformat()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    with running_pair(folder, free_ports(), MODELS) as pair:
        client = connect(folder, pair)
        with client.https, client.channel:
            yield client


@pytest.fixture(scope="module")
def description(running, tmp_path_factory):
    file = tmp_path_factory.mktemp("description") / "openapi.json"
    file.write_text(running.https.get("/openapi.json").text)
    return file


def test_it_is_valid(description):
    checked = run("openapi-spec-validator", description)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(description.read_text())["openapi"].startswith("3.1")


def test_a_client_made_of_it_logs_in_and_forecasts(running, description, tmp_path):
    config = FOLDER / "openapi_python_client.yaml"
    made = run(
        "openapi-python-client",
        "generate",
        f"--path={description}",
        f"--config={config}",
        f"--output-path={tmp_path / 'client'}",
        "--fail-on-warning",
    )
    assert made.returncode == 0, made.stdout + made.stderr
    given = {
        "url": running.demo["https"],
        "ca_file": running.demo["ca_file"],
        "username": running.demo["username"],
        "password": running.demo["password"],
        "csv": CSV,
        "series": {"start": START, "kw": KW},
        "time_series": {
            "model": "gru",
            "inputs": [
                {
                    "type": "univariate_time_series",
                    "name": "meter",
                    "series": KW,
                    "frequency": "PT15M",
                    "start_timestamp": START,
                }
            ],
            "options": {"horizon": 8},
        },
    }
    used = subprocess.run(
        [BIN / "python", FOLDER / "in_venv" / "generated_client.py", tmp_path / "client"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    got = json.loads(used.stdout)
    answer = running.https.post(
        "/v1/models/gru:forecast",
        files={"file": SAMPLE.read_bytes()},
        headers={"Authorization": f"Bearer {running.login()}"},
    )
    expected = [
        [
            datetime.fromisoformat(step["valid_from"]).isoformat(),
            step["kw"],
            *(
                [interval["level"], interval["lower_kw"], interval["upper_kw"]]
                for interval in step["intervals"]
            ),
        ]
        for step in answer.json()["steps"]
    ]
    assert got["models"] == ["cnn", "gru"]
    assert got["csv"] == got["upload"] == got["series"] == got["options"] == expected
    assert got["time series"] == pytest.approx([step[1] for step in expected], abs=1e-3)
    model, windows, mae_kw, first = got["backtest"]
    assert (model, first) == ("gru", 1)
    assert windows > 3
    assert 0 < mae_kw < 100
    assert got["refused"][:3] == [422, "INVALID_HISTORY", "header"]
    assert "Datum" in got["refused"][3]
