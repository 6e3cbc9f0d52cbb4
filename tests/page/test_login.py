"""Who may see the page's forecasts, and for how long."""

import subprocess
import sys

import pytest
from playwright.sync_api import Error

from tests.data import SAMPLE

FORECAST_TITLE = "Wed, 21 Jul 2021, 12:00 to 14:00"


def end_sessions(running) -> None:
    database = f"sqlite:///{running.folder}/users.db"
    ending = [sys.executable, "-m", "wattgate", "users", "end-tokens", "demo", "--database-url", database]
    subprocess.run(ending, check=True, capture_output=True)


def test_a_gateway_whose_key_is_another_is_not_trusted(chromium, running):
    """Or the other tests would show nothing of its certificate."""
    browser = chromium("A" * 43 + "=")
    try:
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            browser.new_page().goto(running.demo["https"])
    finally:
        browser.close()


def test_a_page_that_cannot_start_says_so(browser, running):
    page = browser.new_page(java_script_enabled=False)
    page.goto(running.demo["https"])
    page.get_by_text("This page needs JavaScript, and has not started.").wait_for()
    page.close()


def test_whoever_logs_in_may_choose_a_model_and_a_file(open_tab, running):
    tab = open_tab()
    assert tab.page.get_by_role("heading", level=1).text_content() == "What a load does next, in kW"
    assert tab.focused() == "username"
    tab.log_in()
    assert tab.focused() == "app-title"
    assert tab.page.locator("#account-name").text_content() == running.demo["username"]
    assert tab.page.locator("#model option").all_text_contents()[:2] == ["cnn", "gru"]
    assert tab.page.locator("#login").is_hidden()


def test_a_wrong_password_is_told_and_another_may_be_tried(open_tab):
    tab = open_tab(failing="401")
    tab.log_in(password="not the password")
    tab.page.get_by_role("alert").get_by_text("Incorrect username or password").wait_for()
    assert tab.focused() == "password"
    assert tab.page.get_by_label("Password").input_value() == ""
    assert tab.inaccessible() == []
    tab.log_in()


def test_whoever_has_guessed_too_often_is_told_for_how_long_to_wait(open_tab):
    tab = open_tab(failing="401|429")
    for _ in range(6):
        with tab.page.expect_response("**/token"):
            tab.log_in(username="mallory", password="a guess")
    tab.page.get_by_role("alert").get_by_text("Try again in 15 minutes.").wait_for()


def test_nothing_of_a_login_is_left_in_the_browser(tab):
    tab.pick_sample()
    assert tab.stored() == '[["", {}, {}], [], []]'
    tab.page.reload()
    tab.page.get_by_label("Username").wait_for()


def test_logging_out_leaves_nothing_to_be_seen(tab):
    tab.pick_sample()
    tab.page.get_by_role("button", name="Log out").click()
    tab.page.get_by_label("Username").wait_for()
    assert tab.page.locator("#result-title").text_content() == ""


def test_a_session_that_has_ended_keeps_file_and_choices(open_tab, running):
    tab = open_tab(failing="401")
    tab.log_in()
    tab.page.get_by_label("Model", exact=True).select_option("gru")
    tab.pick(SAMPLE.read_bytes(), "sample of mine.csv")
    tab.option("Missing quarter-hours", "linear")
    tab.option("Longest gap", "7")
    end_sessions(running)
    tab.page.wait_for_timeout(1200)  # a caller who was let in is known for a second
    tab.page.get_by_role("button", name="Forecast", exact=True).click()
    tab.page.get_by_text("Your session has ended").wait_for()
    assert tab.focused() == "password"
    assert tab.page.locator("#result").is_hidden()
    assert tab.inaccessible() == []
    with tab.page.expect_request("**/v1/models/gru:forecast?*") as asked:
        tab.log_in()
    assert "gaps=linear&max_gap_steps=7" in asked.value.url
    tab.wait()
    assert tab.page.locator("#result-title").text_content() == FORECAST_TITLE
    assert tab.page.locator("#file-name").text_content() == "sample of mine.csv"
    assert tab.page.get_by_label("Model", exact=True).input_value() == "gru"
