"""The demo from outside: log in over 443, forecast the sample file with both models over both edges."""

import socket

import httpx
import pytest

from tests.compose.conftest import login
from tests.compose.stack import PASSWORD, USER
from tests.data import SAMPLE
from wattgate import Client

CSV = SAMPLE.read_bytes()


@pytest.mark.requirement("FR6")
def test_both_models_forecast_alike_over_https_and_grpc(stack):
    known = {"username": USER, "password": PASSWORD, "ca_file": stack.ca_file}
    with (
        Client("https://localhost", **known) as https,
        Client("https://localhost", grpc="localhost:8444", **known) as rpc,
    ):
        for model in ("cnn", "gru"):
            forecast = https.forecast_file(CSV, model)
            assert len(forecast.steps) == 8
            assert all(20 < step.kw < 500 for step in forecast.steps)
            assert rpc.forecast_file(CSV, model) == forecast


def test_the_thesis_call_answers_eight_numbers(https):
    answer = https.post(
        "/predict/gru", files={"file": CSV}, headers={"Authorization": f"Bearer {login(https)}"}
    )
    assert len(answer.json()) == 8


def test_nobody_forecasts_without_a_token(https):
    assert https.post("/predict/gru", files={"file": CSV}).status_code == 401


def test_nothing_is_answered_without_tls(stack):
    with pytest.raises(httpx.TransportError), httpx.Client() as plain:
        plain.get("http://localhost:443/livez")
    with socket.socket() as port_80:
        assert port_80.connect_ex(("127.0.0.1", 80)) != 0
