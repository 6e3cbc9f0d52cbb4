"""The page's files are open to all, known by name, of the right type, and may do no more than they need."""

import re
from pathlib import Path

import pytest

from services.gateway.rest import page_files
from tests.integration.connections.raw import exchange

PAGE = Path(page_files.__file__).parent / "page"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
SERVED = [path for path in sorted(PAGE.rglob("*")) if path.suffix in TYPES]


def test_the_page_may_run_what_is_its_own_and_call_nobody_else(gateway):
    answer = gateway.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(each.partition(" ")[::2] for each in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    for url in re.findall(r'(?:src|href)="(.*?)"', answer.text):
        assert gateway.get(f"/{url}").status_code == 200, url


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.name)
def test_every_file_is_served_with_its_type_and_asked_for_anew(gateway, path):
    answer = gateway.get(f"/page/{path.name}")
    assert (answer.status_code, answer.content) == (200, path.read_bytes())
    assert answer.headers["content-type"] == TYPES[path.suffix]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; base-uri")


@pytest.mark.parametrize("url", ["/", "/page/main.js"])
def test_what_a_browser_has_already_is_not_sent_again(gateway, url):
    first = gateway.get(url)
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        again = gateway.request("GET", url, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert gateway.request("GET", url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("url", ["/", "/page/main.js"])
def test_its_head_can_be_had_alone(gateway, url):
    head, whole = gateway.request("HEAD", url), gateway.get(url)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in ("content-length", "content-type", "etag")} == {
        name: whole.headers[name] for name in ("content-length", "content-type", "etag")
    }


@pytest.mark.parametrize(
    "url",
    [
        "/page",
        "/page/",
        "/page/vendor",
        "/page/vendor/uPlot.min.css",
        "/page/index.html",
        "/page/README.md",
        "/page/LICENSE",
        "/page/../page_files.py",
        "/page/..%2fpage_files.py",
        "/page/%2e%2e/page_files.py",
        "/page/..%5cpage_files.py",
        "/page/%2fetc%2fpasswd",
        "/page/main.js%00",
        "/page/MAIN.js",
    ],
)
def test_no_other_file_is_served(gateway, url):
    [answer] = exchange(
        gateway, f"GET {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.status == 404
