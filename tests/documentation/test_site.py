"""The documentation builds without a warning, has no dead links, and asks nobody else for anything."""

import re
from html.parser import HTMLParser

import pytest

from tests.data import REPOSITORY
from tests.documents import PAGES

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class Loaded(HTMLParser):
    """What a browser fetches by itself for a page."""

    def __init__(self, text):
        super().__init__()
        self.urls = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if url := given.get(LOADED.get(tag)):
            self.urls.append(url)
        assert "mermaid" not in (given.get("class") or ""), "the theme would fetch what draws it"


@pytest.fixture(scope="session")
def pages(site):
    return {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}


def test_every_page_is_there(pages):
    not_there = {REPOSITORY / "README.md"}
    assert len(pages) == len({*PAGES, REPOSITORY / "CHANGELOG.md"} - not_there) + len(["404.html"])
    for name in (
        "index",
        "reference/rest",
        "reference/python",
        "deploy/azure/index",
        "decisions/0001-two-edges-one-process",
    ):
        assert f"{name}.html" in pages


def test_a_browser_asks_nobody_else(site, pages):
    for name, text in pages.items():
        outside = [url for url in Loaded(text).urls if re.match(r"(?:\w+:)?//", url)]
        assert outside == [], name
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text()), style


def test_the_search_knows_the_reference(site):
    index = (site / "search" / "search_index.json").read_text()
    for word in ("GATEWAY_MAX_IN_FLIGHT", "ForecastStream", "seasonal_naive", "clock_change"):
        assert word in index


MISTAKES = {
    "index.md": "[anchor](tutorial.md#not-there)",
    "tutorial.md": "[page](gone.md)",
    "operations.md": "[file](../services/gone.py)",
    "left-out.md": "# In no navigation",
}


def test_what_leads_nowhere_is_no_site(build):
    def change(folder):
        for page, text in MISTAKES.items():
            with (folder / "docs" / page).open("a") as file:
                file.write(f"\n{text}\n")

    status, said, _ = build(change)
    assert status == 1
    warnings = "\n".join(line for line in said.splitlines() if "WARNING" in line or line.startswith("  - "))
    for mistake in ("not-there", "gone.md", "gone.py", "left-out.md"):
        assert mistake in warnings, said


def test_a_name_that_is_not_in_the_library_is_no_site(build):
    def change(folder):
        with (folder / "docs" / "reference" / "python.md").open("a") as file:
            file.write("\n::: wattgate.client.Gone\n")

    status, said, _ = build(change)
    assert status == 1
    assert "wattgate.client.Gone" in said
