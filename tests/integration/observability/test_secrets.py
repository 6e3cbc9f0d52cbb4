"""No password, token or load in any log or span, whatever goes wrong; and one event stays one line."""

import json
import socket
import ssl

import grpc
import pytest

from tests.data import SAMPLE, week_file, with_row
from wattgate.forecast.v1 import forecast_service_pb2 as pb

CSV = SAMPLE.read_bytes()
HOSTILE = 'eve\r\n{"event": "forged"}\x1b[2J'
PASSWORD = "canary-password-of-nobody"
DATA = "77.123456"
"""A load that no other number looks like."""
FORGED_TOKEN = "eyJhbGciOiJub25lIn0.canary-token.canary-signature"


def faulty_files():
    good = week_file()
    yield with_row(good, 1, f"2024-06-03 00:00:00,{DATA}x")
    yield with_row(good, 2, f"canary-time,{DATA}")
    yield with_row(good, 3, f"2024-06-03 00:30:00,{DATA},canary-column")
    yield f"canary-header,{DATA}\n".encode()
    yield b"\x89PNG canary-bytes"
    yield week_file(671)
    yield f"Datum,Wert (kW)\n2024-06-03 00:00:00,{DATA}\n".encode()


@pytest.fixture(scope="module")
def after_all_errors(watched, token):
    """A run that meets every kind of error that can be provoked from outside."""
    https, good = watched.client.https, {"Authorization": f"Bearer {token}"}
    for name in ("demo", "nobody", HOSTILE):
        https.post("/token", data={"username": name, "password": PASSWORD})
    https.post("/token", data={"username": "demo", "password": PASSWORD * 4})
    https.post(
        "/token",
        content=f"password={PASSWORD}&password={PASSWORD}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    https.post("/token", json={"username": "demo", "password": PASSWORD})
    for bearer in (FORGED_TOKEN, token + "x", token[:-4]):
        https.post("/predict/gru", files={"file": CSV}, headers={"Authorization": f"Bearer {bearer}"})
    https.get(f"/v1/models?access_token={token}&password={PASSWORD}")
    https.get(f"/{PASSWORD}/{token}")
    for csv in faulty_files():
        https.post("/predict/gru", files={"file": (f"{HOSTILE}.csv", csv)}, headers=good)
        https.post("/v1/models/gru:forecast", content=csv, headers={**good, "Content-Type": "text/csv"})
        _rpc(watched, token, pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=csv)))
    https.post("/predict/gru", files={"other": f"canary-part,{DATA}".encode()}, headers=good)
    https.post(
        "/predict/gru",
        content=f"canary-multipart {DATA}".encode(),
        headers={**good, "Content-Type": "multipart/form-data; boundary=x"},
    )
    https.post("/v1/models/gru:forecast", json={"start": "canary-start", "kw": [float(DATA)]}, headers=good)
    https.post(
        "/v1/models/gru:forecast?tz=canary/zone", content=CSV, headers={**good, "Content-Type": "text/csv"}
    )
    https.post(
        "/v1/models/gru:forecast",
        content=CSV,
        headers={**good, "Content-Type": "text/csv", "X-Request-Timeout": "canary-timeout"},
    )
    https.post(
        "/v1/models/gru:forecast",
        content=CSV,
        headers={**good, "Content-Type": "text/csv", "X-Request-Timeout": "0.0001"},
    )
    https.post(
        "/predict/gru",
        files={"file": CSV},
        headers={**good, "X-Request-ID": "a\x1b[2J", "User-Agent": "\x1b[2J"},
    )
    _rpc(watched, FORGED_TOKEN, pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=CSV)))
    _rpc(watched, token, pb.ForecastRequest(model="gru", series=pb.LoadSeries(kw=[float(DATA)] * 700)))
    _rpc(watched, token, pb.ForecastRequest(model=HOSTILE, file=pb.MeterFile(csv=CSV)))
    with pytest.raises(grpc.RpcError):
        watched.client.channel.unary_unary("/wattgate.forecast.v1.ForecastService/Forecast")(
            f"canary-message {DATA}".encode(), metadata=[("authorization", f"Bearer {token}")], timeout=20
        )
    _send_raw(watched, f"GET /{PASSWORD} canary-protocol\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    ended = "last-of-all"
    https.get("/nothing", headers={"X-Request-ID": ended})
    watched.events(ended)
    return watched


def _rpc(watched, token, request):
    with pytest.raises(grpc.RpcError):
        watched.client.rpc.Forecast(request, metadata=[("authorization", f"Bearer {token}")], timeout=20)


def _send_raw(watched, sent):
    host, _, port = watched.client.demo["https"].removeprefix("https://").rpartition(":")
    trust = ssl.create_default_context(cafile=watched.client.demo["ca_file"])
    with (
        socket.create_connection((host, int(port))) as plain,
        trust.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(sent)
        connection.recv(1000)


def test_no_log_and_no_span_tells_a_secret(after_all_errors, token):
    watched = after_all_errors
    told = "\n".join(
        [*watched.lines("gateway"), *watched.lines("model-server"), repr(watched.collector.spans)]
    )
    assert len(told) > 10_000
    for secret in (
        token,
        token[:-4],
        FORGED_TOKEN,
        PASSWORD,
        watched.client.demo["password"],
        DATA,
        "canary",
    ):
        assert secret not in told


def test_every_event_is_one_line_of_json_that_nobody_can_forge(after_all_errors):
    lines = [json.loads(line) for line in after_all_errors.lines("gateway")]
    assert not [line for line in lines if line["event"] == "forged"]
    assert all(line["time"].endswith("Z") for line in lines)
    assert not {line["level"] for line in lines} & {"error", "critical"}


def test_logins_are_told_with_their_outcome(after_all_errors):
    told = [json.loads(line) for line in after_all_errors.lines("gateway")]
    logins = {(line["username"], line["outcome"]) for line in told if line["event"] == "login"}
    assert {("demo", "let in"), ("demo", "refused"), ("nobody", "refused"), (HOSTILE, "refused")} <= logins
