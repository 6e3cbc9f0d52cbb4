"""Calls as they are sent, and failures as they are read, without sending any."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from wattgate import AsyncClient, Client
from wattgate.client import https, rpc
from wattgate.client.histories import Series
from wattgate.errors import InvalidLoad, Refused, Unavailable, WattgateError

SERVER = "https://localhost"
GAPPY = Series(datetime(2024, 6, 3, tzinfo=UTC), [1.0, None, 2.0])


def test_the_server_is_told_how_long_the_caller_waits():
    request = https.MODELS.request(SERVER, "token", 2.5)
    assert request.headers["X-Request-Timeout"] == "2.500"
    assert https.MODELS.request(SERVER, "token", 1e9).headers["X-Request-Timeout"] == "999999.000"


def test_a_missing_value_is_null_in_json_and_nan_in_a_message():
    call = https.of_history("gru", "forecast", GAPPY, {"gaps": "linear"})
    assert json.loads(call.content) == {"start": "2024-06-03T00:00:00+00:00", "kw": [1.0, None, 2.0]}
    assert call.query == {"gaps": "linear"}
    kw = rpc.forecast("gru", GAPPY, {"gaps": "linear"}).series.kw
    assert kw[1] != kw[1]
    assert list(kw[::2]) == [1.0, 2.0]


def test_a_value_that_an_option_has_not_is_refused_before_it_is_sent():
    with pytest.raises(InvalidLoad, match="unit is 'MW': it is one of kw, kwh"):
        rpc.forecast("gru", b"", {"unit": "MW"})


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("server", "options", "says"),
    [
        ("http://localhost:8443", {}, "begins with https://"),
        ("localhost:8443", {}, "begins with https://"),
        ("https://", {}, "begins with https://"),
        ("https://local host:port", {}, "server is"),
        (SERVER, {"username": "ada"}, "go together"),
        (SERVER, {"token": "a\nb"}, "characters that no token has"),
        (SERVER, {"ca_file": __file__}, "no PEM"),
    ],
)
def test_a_client_that_cannot_work_is_not_made(make, server, options, says):
    with pytest.raises(ValueError, match=says):
        make(server, **options)


def test_a_file_of_authorities_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Client(SERVER, ca_file=tmp_path / "nowhere.pem")


def test_an_option_that_there_is_not_is_an_error_of_the_caller():
    with Client(SERVER, token="x") as client:
        with pytest.raises(TypeError, match=r"no such option: units; there are .*unit"):
            client.forecast_file(b"", "gru", units="kW")
        with pytest.raises(TypeError, match="no such option: unit"):
            client.forecast(None, "gru", unit="kWh")


def answer(status, content="", **headers):
    request = httpx.Request("GET", SERVER)
    return httpx.Response(status, content=content, headers=headers, request=request)


def test_answers_of_others_than_gateways_are_errors_in_words():
    with pytest.raises(WattgateError, match="not as a Wattgate gateway does"):
        https.checked(answer(200, "<html>"))
    with pytest.raises(Refused, match="302 Found"):
        https.checked(answer(302))
    with pytest.raises(Unavailable, match="502 Bad Gateway"):
        https.checked(answer(502, "<html>no gateway behind this proxy"))


def test_neither_password_nor_token_is_in_what_a_client_shows_of_itself():
    with Client(SERVER, username="ada", password="hunter2", token="t0ken") as client:
        parts = [client, *vars(client).values(), *vars(client._core).values()]
        shown = " ".join(map(repr, parts))
    assert "hunter2" not in shown
    assert "t0ken" not in shown


def test_the_library_is_light_to_import():
    program = (
        "import sys, wattgate; wattgate.Client, wattgate.AsyncClient; import wattgate.errors; "
        "print([m for m in ('tensorflow', 'numpy', 'pandas', 'pydantic', 'services') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_stubs_alone_do_not_load_the_library():
    program = (
        "import sys; from wattgate.forecast.v1 import forecast_service_pb2; print('httpx' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"
