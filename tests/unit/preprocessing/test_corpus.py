"""Each file of the corpus is read, or refused, as the file beside it says."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines.errors import InvalidSeriesError
from pipelines.preprocessing import meter_file
from pipelines.preprocessing.meter_file import Declared, read_meter_file
from pipelines.preprocessing.series import LoadSeries, last_window

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.csv"))


def expected_times_s(series: dict) -> list[int]:
    if "times_utc" in series:
        return [int(datetime.fromisoformat(time).timestamp()) for time in series["times_utc"]]
    start_s = int(datetime.fromisoformat(series["start_utc"]).timestamp())
    return [start_s + i * series["step_s"] for i in range(series["count"])]


def read(name: str, said: dict) -> LoadSeries:
    series = read_meter_file(
        (CORPUS / f"{name}.csv").read_bytes(),
        zone=ZoneInfo(said.get("zone", "Europe/Berlin")),
        declared=Declared(**said.get("declared", {})),
    )
    return (
        last_window(series, window=said["window"], resolution_s=900, grid_s=0) if "window" in said else series
    )


def test_every_file_has_its_expectation_and_every_expectation_its_file():
    assert sorted(path.stem for path in CORPUS.glob("*.json")) == NAMES
    assert len(NAMES) >= 40


@pytest.mark.parametrize("at_once", [True, False], ids=["at once where plain", "row by row"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_or_refused_as_expected(name, at_once, monkeypatch):
    if not at_once:
        monkeypatch.setattr(meter_file, "read_plain_rows", lambda *_: None)
    said = json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))
    if "series" in said:
        series = read(name, said)
        assert series.times_s.tolist() == expected_times_s(said["series"])
        assert series.kw.tolist() == said["series"]["kw"]
        return
    with pytest.raises(InvalidSeriesError) as caught:
        read(name, said)
    assert [
        {"rule": fault.rule, "row": fault.row, "line": fault.line, "column": fault.column}
        for fault in caught.value.violations
    ] == said["errors"]["listed"]
    assert caught.value.count == said["errors"]["count"]
    assert said.get("says", "") in str(caught.value)
