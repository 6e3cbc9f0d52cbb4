"""Every answer over HTTPS says the same to browsers, whoever wrote it and however it ended."""

import base64
import hashlib
import re

import httpx
import pytest

from services.gateway.admission import Admission
from services.gateway.observed import Edge
from services.gateway.rest.doorway import Door
from tests.integration.connections.gateways import LoneGateway
from tests.integration.connections.raw import answers, exchange

EXPECTED = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}


def assert_all(headers: httpx.Headers) -> None:
    for name, value in EXPECTED.items():
        assert headers.get_list(name) == [value], name


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/livez", b"", 200),
        ("HEAD", "/livez", b"", 405),
        ("GET", "/readyz", b"", 503),
        ("GET", "/none", b"", 404),
        ("DELETE", "/livez", b"", 405),
        ("GET", "/v1/models", b"", 401),
        ("POST", "/predict/gru", b"x", 401),
        ("POST", "/token", b"x", 400),
        ("GET", "/livez", b"", 431),
    ],
)
def test_every_answer_of_the_application_says_them(gateway, method, path, content, status):
    filler = {"X-Filler": "x" * 33_000} if status == 431 else {}
    answer = gateway.request(method, path, content=content, headers=filler)
    assert answer.status_code == status
    assert_all(answer.headers)


def test_a_login_says_them(gateway):
    assert_all(gateway.request("POST", "/token", data=gateway.demo_login).headers)


def test_an_answer_to_what_is_no_request_says_them(gateway):
    [answer] = exchange(gateway, b"nonsense\r\n\r\n")
    assert answer.status == 400
    assert_all(answer.headers)


@pytest.mark.parametrize(
    "url",
    [
        b"/predict/gru",
        b"/predict?tz=UTC",
        b"/%70redict/gru",
        b"/v1/models/gru%3Aforecast",
        b"/v1/timeseries/forecast",
    ],
)
async def test_a_refusal_at_the_door_says_them(url):
    admission = Admission(1, 0, 1.0)
    door = Door(admission, Edge("https", ["gru"]))
    admission.enter()
    refusal = door.refusal(b"POST", url, [])
    assert refusal is not None
    [answer] = answers(refusal)
    assert answer.status == 429
    assert_all(answer.headers)


def test_the_docs_page_may_run_its_own_scripts_and_no_others(home):
    with LoneGateway(home, docs=True) as gateway:
        page = gateway.get("/docs")
        assert gateway.get("/openapi.json").status_code == 200
    policy = dict(
        directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    for script in re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["script-src"]
    for url in re.findall(r'<script src="(.*?)"', page.text):
        assert url in policy["script-src"].split()
