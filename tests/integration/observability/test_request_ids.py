"""One id on every hop: the caller's own or a new one, in the answer, the errors and the logs."""

import re
import socket
import ssl

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from tests.data import SAMPLE
from tests.integration.rpc_errors import detail
from wattgate.forecast.v1 import forecast_service_pb2 as pb

CSV = SAMPLE.read_bytes()
NEW = re.compile(r"[0-9a-f]{32}")
FORECAST = "wattgate.forecast.v1.ForecastService/Forecast"


def rpc(watched, method, request, *, id_=None, token=None):
    """Answer or error of a unary call, and the id it was given."""
    metadata = [("x-request-id", id_)] if id_ else []
    metadata += [("authorization", f"Bearer {token}")] if token else []
    call = getattr(watched.client.rpc, method).with_call
    try:
        answer, ended = call(request, metadata=metadata, timeout=20)
    except grpc.RpcError as error:
        answer = ended = error
    return answer, dict(ended.trailing_metadata())["x-request-id"]


def forecast(model="gru", csv=CSV):
    return pb.ForecastRequest(model=model, file=pb.MeterFile(csv=csv))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nothing", 404),
        ("GET", "/predict/gru", 405),
        ("POST", "/predict/gru", 401),
        ("POST", "/v1/models/gru:forecast", 401),
        ("POST", "/token", 400),
    ],
)
def test_every_https_answer_carries_an_id(watched, method, path, status):
    theirs = watched.client.https.request(method, path, headers={"X-Request-ID": "order-66"})
    ours = watched.client.https.request(method, path)
    assert theirs.status_code == ours.status_code == status
    assert theirs.headers["x-request-id"] == "order-66"
    assert NEW.fullmatch(ours.headers["x-request-id"])
    if theirs.headers["content-type"] == "application/problem+json":
        assert theirs.json()["request_id"] == "order-66"


@pytest.mark.parametrize("sent", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000 + b"\r\n\r\n"])
def test_even_what_never_becomes_a_request_is_answered_with_an_id(watched, sent):
    host, _, port = watched.client.demo["https"].removeprefix("https://").rpartition(":")
    trust = ssl.create_default_context(cafile=watched.client.demo["ca_file"])
    with (
        socket.create_connection((host, int(port))) as plain,
        trust.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(sent)
        answer = connection.recv(1000)
    assert re.match(rb"HTTP/1.1 4(00|31) [^\r]+\r\nx-request-id: [0-9a-f]{32}\r\n", answer)


def test_an_id_that_could_do_harm_is_not_taken(watched):
    for id_ in ("x" * 65, "two words", "a;b", "\x1b[2J", "é".encode()):
        answer = watched.client.https.get("/nothing", headers={"X-Request-ID": id_})
        assert NEW.fullmatch(answer.headers["x-request-id"])
    _, id_ = rpc(watched, "ListModels", pb.ListModelsRequest(), id_="two words")
    assert NEW.fullmatch(id_)


def test_grpc_answers_carry_an_id_too(watched, token):
    answer, id_ = rpc(watched, "Forecast", forecast(), id_="order-67", token=token)
    assert len(answer.steps) == 8
    assert id_ == "order-67"
    _, id_ = rpc(watched, "Forecast", forecast(), token=token)
    assert NEW.fullmatch(id_)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (forecast("lstm"), grpc.StatusCode.NOT_FOUND),
        (forecast(csv=b"no meter file"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_grpc_errors_name_it_where_programs_look(watched, token, request_, code):
    error, id_ = rpc(watched, "Forecast", request_, id_="order-68", token=token)
    assert error.code() is code
    assert id_ == "order-68"
    assert detail(error, ErrorInfo).metadata["request_id"] == "order-68"


def test_a_streams_answers_and_errors_belong_to_its_id(watched, token):
    metadata = [("x-request-id", "order-69"), ("authorization", f"Bearer {token}")]
    sent = [
        pb.ForecastStreamRequest(id="good", request=forecast()),
        pb.ForecastStreamRequest(id="bad", request=forecast("lstm")),
    ]
    call = watched.client.rpc.ForecastStream(iter(sent), metadata=metadata, timeout=20)
    answers = {answer.id: answer for answer in call}
    assert dict(call.trailing_metadata())["x-request-id"] == "order-69"
    info = ErrorInfo()
    assert answers["bad"].error.details[0].Unpack(info)
    assert info.metadata["request_id"] == "order-69"


def test_an_unknown_method_is_refused_with_an_id(watched):
    with pytest.raises(grpc.RpcError) as refused:
        watched.client.channel.unary_unary("/no.such.Service/Method")(b"", timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert NEW.fullmatch(dict(refused.value.trailing_metadata())["x-request-id"])


def test_each_call_has_one_line_in_the_log_that_tells_how_it_went(watched, token):
    rpc(watched, "Forecast", forecast(), id_="told-1", token=token)
    rpc(watched, "Forecast", forecast("lstm"), id_="told-2", token=token)
    upload = {
        "files": {"file": CSV},
        "headers": {"Authorization": f"Bearer {token}", "X-Request-ID": "told-3"},
    }
    watched.client.https.post("/predict/cnn", **upload)
    watched.client.https.post("/predict", files={"file": CSV}, headers={"X-Request-ID": "told-4"})
    told = []
    for id_ in ("told-1", "told-2", "told-3", "told-4"):
        (line,) = watched.events(id_)
        assert 0 < line["duration_ms"] < 20_000
        assert line["client"] in {"127.0.0.1", "%5B::1%5D", "::1"}
        told.append([line.get(key) for key in ("edge", "method", "code", "model", "version")])
    assert told == [
        ["grpc", FORECAST, "OK", "gru", 1],
        ["grpc", FORECAST, "NOT_FOUND", "lstm", None],
        ["https", "POST /predict/{model}", "200", "cnn", 1],
        ["https", "POST /predict", "401", None, None],
    ]
