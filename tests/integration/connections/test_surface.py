"""What is not offered is not there, and input made to cost much is refused before it does."""

import time

import pytest

from tests.integration.connections.raw import exchange

MB = 1_000_000
PATHS = (
    "/",
    "/page/main.js",
    "/livez",
    "/readyz",
    "/token",
    "/v1/models",
    "/v1/models/gru",
    "/predict/gru",
    "/v1/models/gru:forecast",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_nobody_declared_are_a_405_that_names_those_there_are(gateway, path, method):
    answer = gateway.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] in {"GET", "POST", "GET, HEAD"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_no_page_of_another_origin_may_read_an_answer(gateway, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method, path in (("GET", "/livez"), ("OPTIONS", "/predict/gru"), ("POST", "/token")):
        answer = gateway.request(method, path, headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_nothing_tells_what_runs_here(gateway):
    for path in ("/docs", "/openapi.json", "/redoc", "/docs/oauth2-redirect", "/metrics"):
        assert gateway.get(path).status_code == 404
    [answer] = exchange(gateway, b"nonsense\r\n\r\n")
    for headers in (gateway.get("/livez").headers, gateway.get("/none").headers, answer.headers):
        assert not {"server", "x-powered-by", "via"} & set(headers)


def test_a_token_in_the_query_counts_for_nothing_and_is_not_written_down(gateway):
    assert gateway.get(f"/v1/models?access_token={gateway.token}").status_code == 401
    time.sleep(0.2)  # for the log
    assert gateway.token not in gateway.whole_log()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_compressed_upload_is_not_even_read(gateway, encoding):
    headers = {
        "Authorization": f"Bearer {gateway.token}",
        "Content-Type": "text/csv",
        "Content-Encoding": encoding,
    }
    answer = gateway.request("POST", "/v1/models/gru:forecast", content=b"x" * 100_000, headers=headers)
    assert answer.status_code == 415


def test_a_series_nested_for_ever_is_refused_at_once(gateway):
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    for body in (b"[" * 250_000, b'{"kw":' * 250_000, b'{"kw": ' + b"[" * 250_000 + b"]" * 250_000 + b"}"):
        began = time.monotonic()
        answer = gateway.request("POST", "/v1/models/gru:forecast", content=body, headers=headers)
        assert answer.status_code == 422
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "form", [b"&".join([b"a=b"] * 100_000), b"username=" + b"x" * 10 * MB], ids=["fields", "bytes"]
)
def test_a_form_without_end_is_refused_at_once(gateway, form):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    began = time.monotonic()
    answer = gateway.request("POST", "/token", content=form, headers=headers)
    assert answer.status_code == 413
    assert time.monotonic() - began < 2
