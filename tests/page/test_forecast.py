"""A file becomes a curve, figures and a table, which are those that the gateway answers."""

import csv
import io
import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.data import BERLIN, SAMPLE
from tests.page.files import FROZEN, INTO_AUTUMN, SPIKES, TWO_MISSING, WEEK

COLUMNS = ["valid_from", "valid_to", "kw", "lower_80_kw", "upper_80_kw", "lower_95_kw", "upper_95_kw"]


@pytest.fixture
def answer(running, bearer):
    """What the gateway itself answers for a file."""

    def ask(content: bytes, **options) -> dict:
        asked = running.https.post(
            "/v1/models/cnn:forecast", files={"file": content}, params=options, headers=bearer
        )
        asked.raise_for_status()
        return asked.json()

    return ask


@pytest.fixture
def cnn(tab):
    tab.page.get_by_label("Model", exact=True).select_option("cnn")
    return tab


def at(time: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(time).astimezone(zone)


def as_rows(steps: list[dict]) -> list[list[str]]:
    """What a person reads of them: mean kW of quarter-hours by the clock on the wall."""
    return [
        [
            f"{at(step['valid_from']):%H:%M}–{at(step['valid_to']):%H:%M}",
            f"{step['kw']:.1f}",
            *(f"{bounds['lower_kw']:.1f} to {bounds['upper_kw']:.1f}" for bounds in step["intervals"]),
        ]
        for step in steps
    ]


def figures(step: dict) -> list[str]:
    """As the answer has them, to the last digit."""
    bounds = [bounds[side] for bounds in step["intervals"] for side in ("lower_kw", "upper_kw")]
    return [json.dumps(value) for value in (step["kw"], *bounds)]


@pytest.mark.requirement("FR3")
def test_the_table_is_what_the_gateway_answers_in_local_time(cnn, answer):
    cnn.pick_sample()
    assert cnn.focused() == "result-title"
    assert cnn.page.locator("#result-title").text_content() == "Wed, 21 Jul 2021, 12:00 to 14:00"
    assert (
        "Forecast by cnn, version 1, from supermarket.csv" in cnn.page.locator("#result-about").text_content()
    )
    heads = cnn.page.locator("#table thead th").all_text_contents()
    assert heads == ["Quarter-hour", "Mean kW", "80% range, kW", "95% range, kW"]
    assert cnn.rows() == as_rows(answer(SAMPLE.read_bytes())["steps"])


def test_the_curve_shows_past_forecast_and_intervals(cnn):
    cnn.pick_sample()
    for colours in (["--past"], ["--next"], ["--wide"], ["--wide", "--narrow"]):
        assert cnn.pixels(*colours) > 100, colours
    assert cnn.pixels("--filled") == 0
    assert cnn.page.locator("#legend li").all_text_contents() == [
        "Measured", "Forecast", "80% range", "95% range",
    ]  # fmt: skip


def test_a_file_may_be_dropped_anywhere(cnn, answer):
    with cnn.forecasting():
        cnn.drop({"dropped.csv": WEEK})
    assert cnn.page.locator("#file-name").text_content() == "dropped.csv"
    assert cnn.rows() == as_rows(answer(WEEK)["steps"])


def test_two_files_at_a_time_are_one_too_many(cnn):
    cnn.drop({"one.csv": WEEK, "other.csv": WEEK})
    cnn.page.get_by_role("status").get_by_text("One file at a time").wait_for()
    assert cnn.page.locator("#result").is_hidden()


def test_whoever_has_no_file_may_try_a_made_up_one(tab):
    with tab.forecasting():
        tab.page.get_by_role("button", name="Try a made-up one").click()
    assert len(tab.rows()) == 8
    assert tab.page.locator("#empty").is_hidden()


def test_another_file_takes_the_place_of_the_one_before(cnn, answer):
    cnn.pick_sample()
    cnn.pick(WEEK)
    assert cnn.rows() == as_rows(answer(WEEK)["steps"])
    assert cnn.page.locator("#chart .uplot").count() == 1


def test_another_model_and_zone_count_with_the_next_forecast(cnn, running, bearer):
    cnn.pick(WEEK)
    cnn.page.get_by_label("Model", exact=True).select_option("gru")
    cnn.option("Time zone", "UTC")
    cnn.forecast()
    asked = running.https.post(
        "/v1/models/gru:forecast", files={"file": WEEK}, params={"tz": "UTC"}, headers=bearer
    )
    assert cnn.rows() == as_rows(asked.json()["steps"])
    assert "Forecast by gru" in cnn.page.locator("#result-about").text_content()


def test_the_table_is_downloaded_and_copied_as_it_was_answered(cnn, answer):
    cnn.pick_sample()
    steps = answer(SAMPLE.read_bytes())["steps"]
    expected = [
        [at(step["valid_from"]).isoformat(), at(step["valid_to"]).isoformat(), *figures(step)]
        for step in steps
    ]
    with cnn.page.expect_download() as downloading:
        cnn.page.get_by_role("button", name="CSV", exact=True).click()
    assert downloading.value.suggested_filename == "supermarket-forecast-cnn.csv"
    text = downloading.value.path().read_text()
    assert list(csv.reader(io.StringIO(text))) == [COLUMNS, *expected]

    cnn.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cnn.page.get_by_role("button", name="Copy table").click()
    cnn.page.get_by_role("status").get_by_text("The table is in the clipboard.").wait_for()
    copied = cnn.page.evaluate("navigator.clipboard.readText()")
    assert copied == text.replace(",", "\t")


def test_a_browser_that_does_not_let_it_copy_is_told_of(cnn):
    cnn.pick_sample()
    cnn.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    cnn.page.get_by_role("button", name="Copy table").click()
    cnn.page.get_by_role("status").get_by_text("does not let this page copy").wait_for()


def test_the_curve_is_downloaded_as_a_picture(cnn):
    cnn.pick_sample()
    with cnn.page.expect_download() as downloading:
        cnn.page.get_by_role("button", name="PNG").click()
    assert downloading.value.suggested_filename == "supermarket-forecast-cnn.png"
    picture = downloading.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG")
    width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
    assert (width, height) > (600, 300)
    assert len(picture) > 10_000
    downloading.value.save_as(cnn.shots / "download.png")


def test_filled_gaps_are_told_and_drawn(cnn, answer):
    cnn.option("Missing quarter-hours", "linear")
    cnn.pick(TWO_MISSING)
    notice = cnn.page.locator(".notice", has_text="Gaps were filled")
    assert "Sun, 9 Jun 2024, 06:00 to 06:30: 2 quarter-hours" in notice.text_content()
    assert cnn.rows() == as_rows(answer(TWO_MISSING, gaps="linear")["steps"])
    cnn.page.get_by_role("button", name="All").click()
    assert cnn.pixels("--filled") > 3
    assert "Filled gap" in cnn.page.locator("#legend").text_content()
    cnn.shoot("gaps-filled")


def test_a_meter_at_fault_is_warned_of(cnn):
    cnn.pick(FROZEN)
    notice = cnn.page.locator(".notice")
    assert "The meter may be at fault" in notice.text_content()
    assert "Row 641 (line 642): 40 values from" in notice.text_content()


def test_a_fallback_says_that_it_is_one_and_why(cnn, answer):
    cnn.option("A meter at fault", "seasonal_naive")
    cnn.pick(FROZEN)
    notice = cnn.page.locator(".notice", has_text="This is not the model’s forecast")
    assert "40 values from" in notice.text_content()
    assert cnn.page.locator("#result-about").text_content().startswith("Last week’s load in place of cnn")
    assert cnn.rows() == as_rows(answer(FROZEN, fallback="seasonal_naive")["steps"])
    assert cnn.pixels("--wide") == 0
    assert cnn.inaccessible() == []
    cnn.shoot("fallback")


def test_values_out_of_range_are_warned_of(cnn):
    cnn.pick(SPIKES)
    assert "Row 680" in cnn.page.locator(".notice").text_content()


def test_the_hour_that_comes_twice_in_autumn_is_told_apart(cnn, answer):
    cnn.pick(INTO_AUTUMN)
    hours = [row[0] for row in cnn.rows()]
    assert hours[0] == "02:30–02:45 (+02:00)"
    assert hours[2:5] == ["02:00–02:15 (+01:00)", "02:15–02:30 (+01:00)", "02:30–02:45 (+01:00)"]
    with cnn.page.expect_download() as downloading:
        cnn.page.get_by_role("button", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(downloading.value.path().read_text())))
    steps = answer(INTO_AUTUMN)["steps"]
    assert [row["valid_from"] for row in rows] == [at(step["valid_from"]).isoformat() for step in steps]
    assert rows[1]["valid_to"] == "2024-10-27T02:00:00+01:00"
