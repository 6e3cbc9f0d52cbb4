"""In a real browser: the search finds, the page goes dark, and nobody else is asked for anything."""

import functools
import os
import re
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def url(site):
    handler = functools.partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(url):
    """Opens on the first page; in the end nobody else may have been asked, and nothing complained of."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    asked, complaints = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(color_scheme="light")
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(error))  # noqa: PLW0108 - no builtin is taken
        page.goto(f"{url}/index.html")
        yield page
        browser.close()
    assert complaints == []
    assert asked
    assert [other for other in asked if not other.startswith((url, "data:", "blob:"))] == []


def test_the_search_finds_a_rule_where_it_is_told(page):
    page.get_by_placeholder("Search").fill("clock_change")
    found = page.locator(".md-search-result__link").first
    found.wait_for()
    assert re.search(r"reference/errors\.html", found.get_attribute("href"))


def test_the_page_goes_dark_and_stays_it(page):
    body = page.locator("body")
    assert body.get_attribute("data-md-color-scheme") == "default"
    page.get_by_title("To the dark page").click()
    assert body.get_attribute("data-md-color-scheme") == "slate"
    page.reload()
    assert body.get_attribute("data-md-color-scheme") == "slate"
