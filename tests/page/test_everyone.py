"""By day and by night, on a phone, without a mouse, with a screen reader."""

import time

import pytest

from tests.data import SAMPLE
from tests.page.files import FAULTY

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "window"), [("phone", PHONE), ("desk", DESK)])
def test_every_state_fits_and_is_accessible(open_tab, name, window, scheme):
    tab = open_tab(failing="401|422", color_scheme=scheme, **window)

    def look(state):
        assert not tab.is_wider_than_its_window(), state
        assert tab.inaccessible() == [], state
        tab.shoot(f"{state}-{name}-{scheme}")

    look("login")
    tab.log_in()
    look("empty")
    tab.page.locator("#options summary").click()
    look("options")
    tab.page.locator("#options summary").click()
    tab.pick(FAULTY, "faulty.csv")
    look("faulty")
    tab.pick_sample()
    look("forecast")
    tab.page.get_by_role("button", name="Backtest this file").click()
    tab.page.get_by_role("heading", name="on average").wait_for()
    look("backtest")


def test_the_curve_changes_colours_with_the_evening(open_tab):
    tab = open_tab(color_scheme="light")
    tab.log_in()
    tab.pick_sample()
    by_day = tab.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--next')")
    tab.page.emulate_media(color_scheme="dark")
    by_night = tab.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--next')")
    assert by_day != by_night
    deadline = time.monotonic() + 5
    while tab.pixels("--next") < 100:
        assert time.monotonic() < deadline
    assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 20, 18)"


def test_nothing_moves_for_whoever_wants_nothing_to_move(open_tab):
    tab = open_tab(reduced_motion="reduce")
    tab.log_in()
    assert (
        tab.page.evaluate("getComputedStyle(document.getElementById('forecast')).transitionDuration") == "0s"
    )


def test_all_of_it_is_done_without_a_mouse(open_tab, running):
    tab = open_tab(**DESK)
    keyboard = tab.page.keyboard
    keyboard.type(running.demo["username"])
    keyboard.press("Tab")
    keyboard.type(running.demo["password"])
    keyboard.press("Enter")
    tab.page.locator("#app-title:focus").wait_for()
    tab.wait()
    keyboard.press("Tab")
    assert tab.focused() == "file"
    outline = "getComputedStyle(document.getElementById('drop')).outlineStyle"
    assert tab.page.evaluate(outline) == "solid"
    with tab.page.expect_file_chooser() as choosing:
        keyboard.press("Enter")
    choosing.value.set_files({"name": "meter.csv", "mimeType": "text/csv", "buffer": SAMPLE.read_bytes()})
    tab.page.locator("#result-title:focus").wait_for()
    passed = []
    while not passed or passed[-1] != "run-backtest":
        assert len(passed) < 30, passed
        keyboard.press("Tab")
        passed.append(tab.focused())
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert tab.page.evaluate(style) == "solid", passed  # where the focus is can be seen
    assert [id_ for id_ in passed if id_] == ["chart", "copy", "csv", "png", "run-backtest"]
    keyboard.press("Enter")
    tab.page.locator("h3:focus", has_text="on average").wait_for()


def test_what_happens_is_said_to_whoever_does_not_see_it(open_tab):
    tab = open_tab()
    tab.log_in()
    tab.page.get_by_role("button", name="Forecast", exact=True).click()
    assert tab.page.get_by_role("status").first.text_content() == "Drop or pick a meter file first."
    assert tab.focused() == "file"
    tab.pick_sample()
    assert "There is a forecast from supermarket.csv." in tab.page.locator("#status").text_content()
    assert (
        tab.page.locator("#chart")
        .get_attribute("aria-label")
        .startswith("Load and forecast, Wed, 14 Jul 2021")
    )
