"""A model of hours beside those of quarter-hours: the page speaks of its steps, and of what it knows."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.data import BERLIN, plausible_kw, week_file
from tests.own_models import SUNDAY, hourly_file, hours
from tests.page.test_everyone import DESK, PHONE

HINT = "CSV, at least {}. The forecast starts as soon as there is a file."


def choose(tab, model):
    with tab.page.expect_response(f"**/v1/models/{model}"):
        tab.page.get_by_label("Model", exact=True).select_option(model)
    tab.page.locator("#file-hint", has_text="168" if model == "hourly" else "quarter-hours").wait_for()


@pytest.fixture
def hourly(open_tab):
    tab = open_tab(failing="422")
    tab.log_in()
    choose(tab, "hourly")
    return tab


@pytest.fixture
def steps(running, bearer):
    """What the gateway itself answers for a file."""

    def ask(content: bytes) -> list[dict]:
        answer = running.https.post("/v1/models/hourly:forecast", files={"file": content}, headers=bearer)
        return answer.raise_for_status().json()["steps"]

    return ask


def text(tab, selector: str) -> str:
    return tab.page.locator(selector).text_content()


def heads(tab, selector: str = "#table") -> list[str]:
    return tab.page.locator(f"{selector} thead th").all_text_contents()


def as_row(step: dict) -> list[str]:
    begins, ends = (
        datetime.fromisoformat(step[name]).astimezone(BERLIN) for name in ("valid_from", "valid_to")
    )
    (bounds,) = step["intervals"]
    return [
        f"{begins:%a %-d %b}, {begins:%H:%M}–{ends:%H:%M}",
        f"{step['kw']:.1f}",
        f"{bounds['lower_kw']:.1f} to {bounds['upper_kw']:.1f}",
    ]


@pytest.mark.parametrize(("name", "window"), [("phone", PHONE), ("desk", DESK)])
def test_a_day_of_hours_is_shown_as_one(open_tab, steps, name, window):
    tab = open_tab(**window)
    tab.log_in()
    choose(tab, "hourly")
    content = hourly_file(hours(200, SUNDAY))
    tab.pick(content)
    assert text(tab, "#result-title") == "Mon, 10 Jun 2024, 17:00 to Tue 11 Jun, 17:00"
    assert heads(tab) == ["Hour", "Mean kW", "80% range, kW"]
    assert len(tab.rows()) == 24
    assert tab.rows() == [as_row(step) for step in steps(content)]
    assert text(tab, "#table caption") == (
        "Mean power per hour, times of Europe/Berlin. About 80% of outcomes fall within the 80% range."
    )
    assert tab.page.locator("#figures .when").first.text_content() == "24 hours"
    assert tab.page.locator("#legend li").all_text_contents() == ["Measured", "Forecast", "80% range"]
    assert tab.page.locator("#views button").all_text_contents() == ["12 hours", "1 day", "3 days", "All"]
    assert "quarter" not in text(tab, "#app")
    assert not tab.is_wider_than_its_window()
    assert tab.inaccessible() == []
    tab.shoot(f"own-model-{name}")


def test_the_form_speaks_of_the_steps_of_the_model_that_is_chosen(hourly):
    assert text(hourly, "#file-hint") == HINT.format("168 hours")
    assert text(hourly, "#unit option:last-child") == "energies of hours, kWh"
    assert "07.07.2021 01:00;158,09" in text(hourly, "#example")
    choose(hourly, "cnn")
    assert text(hourly, "#file-hint") == HINT.format("a week of quarter-hours")
    assert text(hourly, "#unit option:last-child") == "energies of quarter-hours, kWh"
    assert "07.07.2021 00:15;158,09" in text(hourly, "#example")


def test_of_a_model_that_says_nothing_of_its_training_nothing_is_said(hourly):
    assert text(hourly, "#model-about") == "Version 1, 24 hours ahead."
    hourly.pick(hourly_file())
    assert text(hourly, "#score") == (
        "Version 1 of hourly does not say what it was trained on, nor how it scored."
    )


def test_a_backtest_tells_hours_ahead_and_the_ranges_that_there_are(hourly):
    hourly.pick(hourly_file(hours(240, SUNDAY)))
    hourly.page.get_by_role("button", name="Backtest this file").click()
    hourly.page.get_by_role("heading", name="on average").wait_for()
    assert heads(hourly, "#backtest-report .by-step") == ["Until", "Mean error, kW", "Within 80% range"]
    until = [row[0] for row in hourly.rows("#backtest-report .by-step")]
    assert until == ["1 hour", *(f"{n} hours" for n in range(2, 25)), "All"]
    assert hourly.inaccessible() == []


def test_a_missing_hour_is_filled_without_saying_how_many_may_be(hourly):
    times, kw = hours(180, SUNDAY), plausible_kw(180)
    hourly.option("Missing hours", "linear")
    assert hourly.page.get_by_label("Longest gap to fill, hours").input_value() == ""
    hourly.pick(hourly_file(times[:100] + times[101:], kw[:100] + kw[101:]))
    assert "Thu, 6 Jun 2024, 13:00 to 14:00: 1 hour, along a straight line." in text(hourly, ".notice")


def test_a_fallback_has_no_ranges_to_be_shown(hourly):
    hourly.option("A meter at fault", "seasonal_naive")
    kw = plausible_kw(168)
    hourly.pick(hourly_file(kw=kw[:-12] + [kw[-13]] * 12))
    assert "the load of the same time last week" in text(hourly, ".notice >> nth=0")
    assert heads(hourly) == ["Hour", "Mean kW"]
    assert hourly.page.locator("#legend li").all_text_contents() == ["Measured", "Forecast"]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (week_file(), "Export the meter again, with a row each hour, or choose another model."),
        (hourly_file(hours(168, SUNDAY + timedelta(minutes=30))), "in whole hours by the clock."),
    ],
)
def test_files_of_other_steps_are_answered_in_the_models_own(hourly, content, advice):
    hourly.pick(content)
    assert advice in text(hourly, "#problem")


def test_a_made_up_one_is_of_hours_too(hourly):
    with hourly.forecasting():
        hourly.page.get_by_role("button", name="Try a made-up one").click()
    assert len(hourly.rows()) == 24


def test_made_up_steps_begin_where_those_of_the_zone_do(tab):
    made = tab.page.evaluate(
        "import('./page/made_up.js').then(({madeUp}) => "
        "madeUp({window: 3, resolution: 'PT6H', time_zone: 'Asia/Kolkata'}).lines)"
    )
    times = [datetime.fromisoformat(line.split(",")[0]) for line in made[1:4]]
    assert all((time + timedelta(hours=5, minutes=30)).hour % 6 == 0 and time.minute == 30 for time in times)
    assert times[2] <= datetime.now(UTC) < times[2] + timedelta(hours=12)


def test_steps_of_any_length_have_a_name(tab):
    said = tab.page.evaluate(
        """import('./page/steps.js').then(({stepOf}) =>
          ['PT15M', 'PT30M', 'PT5M', 'PT1H', 'PT6H', 'P1D', 'PT10S'].map(stepOf)
          .map(step => [step.count(1), step.count(2), step.ahead(2), step.history(48)]))"""
    )
    assert said == [
        ["1 quarter-hour", "2 quarter-hours", "30 minutes", "48 quarter-hours"],
        ["1 half-hour", "2 half-hours", "60 minutes", "1 day of half-hours"],
        ["1 5-minute step", "2 5-minute steps", "10 minutes", "48 5-minute steps"],
        ["1 hour", "2 hours", "2 hours", "48 hours"],
        ["1 6-hour step", "2 6-hour steps", "12 hours", "48 6-hour steps"],
        ["1 day", "2 days", "2 days", "48 days"],
        ["1 10-second step", "2 10-second steps", "20 seconds", "48 10-second steps"],
    ]
