"""POST /token answers OAuth2's own documents."""

import jwt
import pytest

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_login_answers_a_token_that_nobody_may_keep(running):
    form = {"grant_type": "password", "username": "Demo", "password": running.demo["password"]}
    response = running.https.post("/token", data=form)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert body["scope"] == "forecast models:read tensors"
    assert response.headers["cache-control"] == "no-store"
    header = jwt.get_unverified_header(body["access_token"])
    assert header["alg"] == "ES256"
    assert header["kid"]


@pytest.mark.parametrize(
    ("body", "status", "error", "says"),
    [
        ("username=demo&password=wrongwrongwrong", 401, "invalid_grant", "Incorrect username or password"),
        ("username=nobody&password=wrongwrongwrong", 401, "invalid_grant", "Incorrect username or password"),
        ("username=demo&password=" + "x" * 73, 401, "invalid_grant", "Incorrect username or password"),
        ("username=demo&password=" + "x" * 1025, 400, "invalid_request", "at most 1024 bytes"),
        ("username=demo&password=" + "%C3%A4" * 513, 400, "invalid_request", "at most 1024 bytes"),
        ("username=demo&password=a%00b", 401, "invalid_grant", "Incorrect username or password"),
        ("username=demo", 400, "invalid_request", "'password' is missing"),
        ("password=x", 400, "invalid_request", "'username' is missing"),
        ("", 400, "invalid_request", "missing"),
        ("username=a&username=b&password=x", 400, "invalid_request", "twice"),
        ("username=%ff&password=x", 400, "invalid_request", "UTF-8"),
        ("grant_type=implicit&username=a&password=x", 400, "unsupported_grant_type", "password"),
        ("grant_type=refresh_token&refresh_token=x", 400, "unsupported_grant_type", "password"),
        ("grant_type=client_credentials", 401, "invalid_client", "Unknown client"),
        ("&".join(f"f{i}=1" for i in range(100)), 400, "invalid_request", "16 fields"),
        ("username=" + "x" * 10_000, 413, "invalid_request", "8,192 bytes"),
    ],
)
def test_a_login_that_fails_says_why_in_oauths_words(running, body, status, error, says):
    response = running.https.post("/token", content=body, headers=FORM)
    assert response.status_code == status
    document = response.json()
    assert document["error"] == error
    assert says in document["detail"]
    assert document["error_description"] == document["detail"]
    assert response.headers["cache-control"] == "no-store"


def test_a_login_as_json_is_refused(running):
    response = running.https.post("/token", json={"username": "demo", "password": "x"})
    assert response.status_code == 400
    assert "application/x-www-form-urlencoded" in response.json()["detail"]


def test_a_login_is_only_posted(running):
    assert running.https.get("/token?username=demo").status_code == 405
