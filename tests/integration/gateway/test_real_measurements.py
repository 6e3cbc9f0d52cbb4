"""A real feeder's measurements, with the gaps real files have."""

from datetime import datetime

import pytest

from tests.data import SHARED_DATA, substation_lines

pytestmark = pytest.mark.skipif(
    not SHARED_DATA.exists(), reason="real measurements are not beside this checkout"
)


@pytest.fixture(scope="module")
def lines():
    return substation_lines()


def row_after_gap(lines: list[str]) -> list[int]:
    times = [datetime.fromisoformat(line.split(",")[0]) for line in lines[1:]]
    return [i + 1 for i in range(1, len(times)) if (times[i] - times[i - 1]).total_seconds() != 900]


def as_german_excel_writes(lines: list[str]) -> bytes:
    rows = ["Datum;Wert (kW)"]
    for line in lines[1:]:
        time, value = line.split(",")
        rows.append(f"{datetime.fromisoformat(time):%d.%m.%Y %H:%M};{value.replace('.', ',')}")
    return "\r\n".join(rows).encode("cp1252")


@pytest.mark.parametrize("model", ["cnn", "gru"])
def test_the_rows_before_the_first_gap_are_forecast_alike_in_every_dialect(upload, lines, model):
    first_gap = row_after_gap(lines)[0]
    before = [lines[0], *lines[first_gap - 672 : first_gap]]
    assert len(before) == 673
    plain = upload("\n".join(before).encode(), path=f"/predict/{model}", tz="UTC")
    german = upload(as_german_excel_writes(before), path=f"/predict/{model}", tz="UTC")
    assert plain.status_code == 200
    assert len(plain.json()) == 8
    assert german.json() == plain.json()


def test_a_gap_among_the_last_rows_is_refused_with_its_row(upload, lines):
    response = upload("\n".join(lines).encode(), tz="UTC")
    gaps = row_after_gap(lines)
    assert response.status_code == 422
    assert [fault["row"] for fault in response.json()["errors"]] == [
        gap for gap in gaps if gap > len(lines) - 672
    ]
    assert f"row {gaps[0]} (line {gaps[0] + 1})" in response.json()["detail"]


def test_a_gap_before_the_last_rows_does_not_matter(upload, lines):
    part = [*lines[:1], *lines[3000:3004], *lines[3100 : 3100 + 700]]
    assert row_after_gap(part) == [5]
    assert upload("\n".join(part).encode(), tz="UTC").status_code == 200
