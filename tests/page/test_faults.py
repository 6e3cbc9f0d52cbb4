"""A gateway that has no time, no quota or no model server: words that say what to do."""

import pytest

from services.local.pair import MODEL_SERVER, running_pair
from services.local.ports import free_ports
from tests.data import MODELS
from tests.integration.conftest import connect
from tests.page.conftest import known_key


@pytest.fixture(scope="module")
def scant(tmp_path_factory):
    """A pair whose callers may have three forecasts a minute."""
    folder = tmp_path_factory.mktemp("scant")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GATEWAY_FORECASTS_PER_MINUTE", "3")
        with running_pair(folder, free_ports(), MODELS) as pair:
            client = connect(folder, pair)
            with client.https, client.channel:
                yield client


@pytest.fixture(scope="module")
def browser(scant, chromium):
    browser = chromium(known_key(scant.folder))
    yield browser
    browser.close()


def test_whoever_has_had_enough_waits_and_tries_again_and_an_outage_is_told(open_tab, scant):
    tab = open_tab(client=scant, failing="429|503|504")
    tab.log_in()
    problem, retry = tab.page.locator("#problem"), tab.page.locator("#problem button")
    for _ in range(5):
        tab.pick_sample()
        if problem.is_visible():
            break
    assert "You may ask for 3 forecasts a minute" in problem.text_content()
    assert "Try again in" in retry.text_content()
    assert retry.is_disabled()
    assert tab.inaccessible() == []
    tab.shoot("over-quota")

    scant.pair.processes[MODEL_SERVER].terminate()
    scant.pair.processes[MODEL_SERVER].wait(20)
    retry.click(timeout=60_000)
    problem.get_by_text("out of service for the moment").wait_for()
    tab.wait()
    assert "Your file and your choices are kept." in problem.text_content()
    assert tab.page.locator("#file-name").text_content() == "supermarket.csv"

    scant.pair.start_model_server()
    scant.pair.wait_until_ready()
    tab.page.wait_for_timeout(21_000)  # for a forecast to have grown back
    retry.click()
    tab.page.locator("#result").wait_for()
