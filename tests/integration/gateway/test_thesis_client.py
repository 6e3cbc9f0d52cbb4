"""The thesis' own client code goes on working: requests, the field `file`, a bearer header."""

import pytest
import requests

from tests.data import SAMPLE

CREDENTIALS = "Could not validate credentials"


@pytest.fixture
def call(running):
    """Post the sample as the thesis does."""

    def post(path, token):
        with SAMPLE.open("rb") as file:
            return requests.post(
                running.demo["https"] + path,
                headers={"Authorization": f"Bearer {token}"},
                files={"file": file},
                verify=running.demo["ca_file"],
                timeout=30,
            )

    return post


def log_in(running, password):
    return requests.post(
        running.demo["https"] + "/token",
        data={"username": running.demo["username"], "password": password},
        verify=running.demo["ca_file"],
        timeout=30,
    )


@pytest.mark.requirement("FR5")
@pytest.mark.parametrize("path", ["/predict/cnn", "/predict/gru", "/predict"])
def test_a_forecast_is_a_list_of_eight_powers(running, call, path):
    token = log_in(running, running.demo["password"]).json()["access_token"]
    response = call(path, token)
    assert response.status_code == 200
    values = response.json()
    assert len(values) == 8
    assert all(isinstance(value, float) and 20 < value < 500 for value in values)


def test_the_default_model_is_cnn(running, call):
    token = running.login()
    assert (
        call("/predict", token).json()
        == call("/predict/cnn", token).json()
        != call("/predict/gru", token).json()
    )


@pytest.mark.requirement("FR4", "6.4 Invalid password")
def test_invalid_password(running):
    response = log_in(running, "wrongpassword")
    assert response.status_code == 401
    assert response.json()["detail"] == "Incorrect username or password"
    assert "access_token" not in response.text


@pytest.mark.requirement("FR4", "6.4 Invalid JWT")
def test_invalid_jwt(call):
    response = call("/predict", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ0ZXN0dXNlciJ9.c2lnbmF0dXJl")
    assert response.status_code == 401
    assert response.json()["detail"] == CREDENTIALS


@pytest.mark.requirement("NFR2", "6.4 HTTP request instead of HTTPS")
def test_http_instead_of_https(running):
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(running.demo["https"].replace("https", "http") + "/predict", timeout=30)
