"""A file that cannot be forecast from is shown with its faults, as text and never as HTML."""

import pytest

from tests.data import csv_of, plausible_kw, quarter_hours
from tests.page.conftest import HOSTILE_MODEL
from tests.page.files import FAULTY, FROZEN, HOSTILE_CELLS, HOSTILE_HEADER, HTML, TWO_MISSING


@pytest.fixture
def tab(open_tab):
    tab = open_tab(failing="404|413|422|net::ERR_")
    tab.log_in()
    return tab


def problem(tab) -> str:
    return tab.page.locator("#problem").text_content()


def test_the_rows_at_fault_are_shown_with_what_their_lines_say(tab):
    tab.pick(FAULTY, "faulty.csv")
    assert tab.focused() == "problem-title"
    assert tab.page.locator("#problem-title").text_content() == "The file cannot be forecast from as it is."
    assert [(row[0], row[1], row[2], row[4]) for row in tab.rows("#problem")] == [
        ("100", "101", "Wert (kW)", "2024-06-04 00:45:00,n/a"),
        ("200", "201", "Datum", "03.06.2024,165.2"),
    ]
    assert "is not a power in kW" in tab.rows("#problem")[0][3]
    assert tab.page.locator("#result").is_hidden()
    assert tab.inaccessible() == []
    tab.shoot("faulty")


def test_what_a_file_in_windows_1252_says_is_read_as_such(tab):
    content = "Datum;Wert (kW);Gebäude\n2024-06-03 00:00:00;x;Größe\n".encode("cp1252")
    tab.pick(content)
    assert tab.rows("#problem")[0][4] == "2024-06-03 00:00:00;x;Größe"


def test_a_gap_is_told_with_the_way_to_fill_it(tab):
    tab.pick(TWO_MISSING)
    assert "2 values missing" in problem(tab)
    assert "can be filled" in problem(tab)
    tab.option("Missing quarter-hours", "linear")
    tab.forecast()
    assert tab.page.locator("#problem").is_hidden()
    assert len(tab.rows()) == 8


def test_a_file_that_was_mended_may_be_picked_again(tab):
    tab.pick(FAULTY, "same.csv")
    assert tab.page.locator("#file").input_value() == ""  # or picking it again would change nothing
    tab.pick(FROZEN, "same.csv")
    assert len(tab.rows()) == 8


@pytest.mark.parametrize("content", [HOSTILE_CELLS, HOSTILE_HEADER], ids=["cells", "header"])
def test_html_in_a_file_stays_text(tab, content):
    tab.pick(content, f"{HTML}.csv")
    assert HTML in problem(tab)
    assert tab.page.locator("main img").count() == 0


def test_html_in_the_name_of_a_model_stays_text(tab):
    tab.page.get_by_label("Model", exact=True).select_option(HOSTILE_MODEL)
    tab.pick_sample()
    assert HOSTILE_MODEL in tab.page.locator("#result-about").text_content()
    assert tab.page.locator("#score b").first.text_content() == HOSTILE_MODEL
    assert tab.page.locator("main img").count() == 0
    with tab.page.expect_download() as downloading:
        tab.page.get_by_role("button", name="CSV", exact=True).click()
    assert downloading.value.suggested_filename == "supermarket-forecast-x_img_src_x_onerror_alert_1_.csv"


def test_a_file_that_is_too_large_is_told_with_what_to_do(tab):
    tab.pick(csv_of(quarter_hours(400_000), plausible_kw(400_000)), "large.csv")
    assert "The file is too large." in problem(tab)
    assert "no more than a week of quarter-hours" in problem(tab)


def test_an_option_that_is_not_understood_is_marked(tab):
    tab.option("Missing quarter-hours", "linear")
    tab.option("Longest gap", "500")
    tab.page.locator("#options summary").click()
    tab.pick_sample()
    assert tab.page.get_by_label("Longest gap").get_attribute("aria-invalid") == "true"
    assert tab.page.get_by_label("Longest gap").is_visible()
    tab.option("Longest gap", "5")
    tab.forecast()
    assert tab.page.get_by_label("Longest gap").get_attribute("aria-invalid") == "false"


def test_a_zone_that_there_is_not_is_told(tab):
    tab.option("Time zone", "Europe/Nowhere")
    tab.pick_sample()
    assert "Europe/Nowhere" in problem(tab)


def test_a_network_that_is_down_is_told_and_may_be_tried_again(tab):
    tab.page.context.set_offline(True)
    tab.pick_sample()
    assert "The gateway cannot be reached." in problem(tab)
    assert tab.inaccessible() == []
    tab.page.context.set_offline(False)
    for _ in range(3):  # a network that has just come up may stumble
        with tab.forecasting():
            tab.page.get_by_role("button", name="Try again").click()
        if tab.page.locator("#result").is_visible():
            break
    assert len(tab.rows()) == 8
