"""Whatever comes in, both edges answer with the same clear error, and go on."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from tests.data import SAMPLE, csv_of, plausible_kw, quarter_hours, week_file, with_row
from tests.integration.rpc_errors import detail
from wattgate.forecast.v1 import forecast_service_pb2 as pb

TEN_MIB = 10 * 1024 * 1024
WEEK = week_file()
FAULTY_FILES = {
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not_csv", "PNG"),
    "zip": (b"PK\x03\x04" + bytes(100), "not_csv", "zip"),
    "utf-16": (WEEK.decode().encode("utf-16"), "not_csv", "UTF-16"),
    "empty": (b"", "empty", "empty"),
    "no header": (WEEK.split(b"\n", 1)[1], "header", "a header is needed"),
    "wrong columns": (WEEK.replace(b"Wert (kW)", b"Menge"), "header", "'Menge'"),
    "671 rows": (week_file(671), "length", "672 rows are needed (the last 7 days), there are 671"),
    "a date": (with_row(WEEK, 417, "yesterday,1"), "time", "row 417 (line 418), column Datum: 'yesterday'"),
    "text": (with_row(WEEK, 417, "2024-06-07 08:00:00,much"), "value", "column Wert (kW): 'much'"),
    "nan": (with_row(WEEK, 417, "2024-06-07 08:00:00,NaN"), "value", "row 417 (line 418)"),
    "infinity": (with_row(WEEK, 417, "2024-06-07 08:00:00,-inf"), "value", "row 417 (line 418)"),
    "a gap": (with_row(week_file(680), 417, None), "gap", "row 417 (line 418)"),
    "a duplicate": (with_row(WEEK, 417, "2024-06-07 07:45:00,1"), "duplicate", "row 417 (line 418)"),
    "out of order": (with_row(WEEK, 417, "2024-06-07 07:30:00,1"), "order", "row 417 (line 418)"),
    "hourly": (csv_of(quarter_hours(2700)[::4], plausible_kw(675)), "step", "60 minutes apart"),
    "off the grid": (WEEK.replace(b":15:00", b":16:00"), "grid", "row 2 (line 3)"),
}  # fmt: skip


def details(error: grpc.RpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest]:
    """ErrorInfo and BadRequest of a gRPC error."""
    return detail(error, error_details_pb2.ErrorInfo), detail(error, error_details_pb2.BadRequest)


@pytest.fixture
def rpc_error(running, metadata):
    def call(request, *, metadata=metadata) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as caught:
            running.rpc.Forecast(request, metadata=metadata, timeout=10)
        return caught.value

    return call


def assert_problem(response, status, reason):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["reason"]) == (status, reason)
    return problem


@pytest.mark.requirement("FR2")
@pytest.mark.parametrize("fault", FAULTY_FILES)
def test_a_faulty_file_gets_the_same_words_on_both_edges(upload, rpc_error, fault):
    content, rule, says = FAULTY_FILES[fault]
    problem = assert_problem(upload(content, tz="UTC"), 422, "INVALID_HISTORY")
    assert problem["errors"][0]["rule"] == rule
    assert says in problem["detail"]
    error = rpc_error(pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=content, time_zone="UTC")))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == problem["detail"]
    info, bad = details(error)
    assert (info.reason, info.domain) == ("INVALID_HISTORY", "wattgate")
    assert [violation.reason for violation in bad.field_violations] == [
        violation["rule"].upper() for violation in problem["errors"]
    ]


def test_a_file_over_ten_mebibytes_is_refused_with_the_limit(upload, rpc_error):
    row = b"2024-06-03 00:00:00,1\n"
    largest = (b"Datum,Wert (kW)\n" + row * (TEN_MIB // len(row) + 1))[:TEN_MIB]
    assert_problem(upload(largest), 422, "INVALID_HISTORY")
    for content in (largest + b"x", largest + bytes(TEN_MIB // 10)):
        problem = assert_problem(upload(content), 413, "TOO_LARGE")
        assert "10,485,760 bytes" in problem["detail"]
    error = rpc_error(pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=largest + b"x")))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "10,485,760 bytes" in error.details()


def test_the_limit_holds_where_the_length_is_not_told(running, bearer):
    def chunks():
        for _ in range(11):
            yield bytes(1024 * 1024)

    headers = {**bearer, "Content-Type": "text/csv"}
    response = running.https.post("/v1/models/gru:forecast", content=chunks(), headers=headers)
    assert_problem(response, 413, "TOO_LARGE")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([("file", WEEK), ("file", WEEK)], "found: 'file', 'file'"),
        ([("file", WEEK), ("other", WEEK)], "found: 'file', 'other'"),
        ([("other", WEEK)], "found: 'other'"),
        ([("file", WEEK)] * 3, "Too many files"),
    ],
)
def test_anything_but_one_file_is_refused(running, bearer, files, says):
    problem = assert_problem(
        running.https.post("/predict/gru", files=files, headers=bearer), 422, "INVALID_REQUEST"
    )
    assert says in problem["detail"]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason"),
    [
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "INVALID_REQUEST"),
        ("multipart/form-data; boundary=x", b"", 422, "INVALID_REQUEST"),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish", 422, "INVALID_REQUEST"),
        ("multipart/form-data", WEEK, 422, "INVALID_REQUEST"),
        ("application/x-www-form-urlencoded", b"file=1", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/octet-stream", WEEK, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_body_without_a_file_is_refused(running, bearer, content_type, body, status, reason):
    response = running.https.post(
        "/predict/gru", content=body, headers={**bearer, "Content-Type": content_type}
    )
    assert_problem(response, status, reason)


def test_a_multipart_charset_that_is_none_is_refused(running, bearer):
    body = b'--x\r\nContent-Disposition: form-data; name="\xff-\xff"\r\n\r\n1\r\n--x--\r\n'
    for charset in ("undefined", "punycode", "nonsense"):
        headers = {**bearer, "Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
        response = running.https.post("/predict/gru", content=body, headers=headers)
        assert_problem(response, 422, "INVALID_REQUEST")


def test_a_compressed_body_is_refused(running, bearer):
    headers = {**bearer, "Content-Type": "text/csv", "Content-Encoding": "gzip"}
    response = running.https.post("/v1/models/gru:forecast", content=b"\x1f\x8b", headers=headers)
    assert_problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("body", "column"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"start": "2024-06-03T00:00:00Z"}', "kw"),
        (b'{"start": "2024-06-03T00:00:00", "kw": []}', "start"),
        (b'{"start": "2024-06-03T00:00:00Z", "kw": ["x"]}', "kw.0"),
        (b'{"start": "2024-06-03T00:00:00Z", "kw": [1, NaN]}', "kw.1"),
        (b'{"start": "2024-06-03T00:00:00Z", "kw": [true]}', "kw.0"),
        (b'{"start": "2024-06-03T00:00:00Z", "kw": ["1"]}', "kw.0"),
        (b'{"start": 1717372800, "kw": [1]}', "start"),
        (b'{"start": "2024-06-03T00:00:00Z", "kw": [1], "mode": 1}', "mode"),
        (b"[" * 100_000, None),
    ],
)
def test_a_series_that_is_none_is_refused_with_the_field(running, bearer, body, column):
    headers = {**bearer, "Content-Type": "application/json"}
    response = running.https.post("/v1/models/gru:forecast", content=body, headers=headers)
    problem = assert_problem(response, 422, "INVALID_REQUEST")
    assert problem["errors"][0]["column"] == column


NO_HISTORIES = {
    "send a series or a file": {},
    "series.start is missing": {"series": pb.LoadSeries(kw=[1])},
    "not a time": {"series": pb.LoadSeries(start=Timestamp(seconds=2**60), kw=[1])},
    "not on a step": {"series": pb.LoadSeries(start=Timestamp(seconds=60), kw=[1])},
    "672 rows are needed": {"series": pb.LoadSeries(start=Timestamp(), kw=[1])},
    "row 2, column kw: no value": {"series": pb.LoadSeries(start=Timestamp(), kw=[1.0, float("nan")])},
}


@pytest.mark.parametrize("says", NO_HISTORIES)
def test_a_message_that_is_no_history_is_refused(rpc_error, says):
    error = rpc_error(pb.ForecastRequest(model="gru", **NO_HISTORIES[says]))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert says in error.details()


def test_an_unknown_model_is_not_found(running, bearer, upload, rpc_error):
    problem = assert_problem(upload(WEEK, path="/predict/arima"), 404, "MODEL_NOT_FOUND")
    assert problem["detail"] == "There is no model 'arima'; served are: cnn, gru"
    assert_problem(running.https.get("/v1/models/arima", headers=bearer), 404, "MODEL_NOT_FOUND")
    error = rpc_error(pb.ForecastRequest(model="arima", file=pb.MeterFile(csv=WEEK)))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == problem["detail"]


@pytest.mark.parametrize(
    "zone", ["Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "localtime", "x" * 64, "Europe"]
)
def test_an_unknown_zone_is_refused(upload, rpc_error, zone):
    problem = assert_problem(upload(WEEK, tz=zone), 422, "INVALID_REQUEST")
    assert "is not a time zone" in problem["detail"]
    error = rpc_error(pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK, time_zone=zone)))
    assert error.details() == problem["detail"]


def test_an_option_that_does_not_exist_is_refused(running, bearer):
    response = running.https.post(
        "/v1/models/gru:forecast?gap_policy=guess", files={"file": WEEK}, headers=bearer
    )
    assert "gap_policy" in assert_problem(response, 422, "INVALID_REQUEST")["errors"][0]["column"]


def test_an_option_that_cannot_count_is_refused(running, bearer):
    path = "/v1/models/gru:forecast"
    twice = running.https.post(f"{path}?tz=UTC&tz=Europe/Berlin", files={"file": WEEK}, headers=bearer)
    assert_problem(twice, 422, "INVALID_REQUEST")
    series = {"start": "2024-06-03T00:00:00Z", "kw": [1]}
    idle = running.https.post(f"{path}?tz=UTC", json=series, headers=bearer)
    assert "tz: for files alone" in assert_problem(idle, 422, "INVALID_REQUEST")["detail"]


CALLS = (("POST", "/predict"), ("POST", "/predict/gru"), ("POST", "/v1/models/gru:forecast"),
         ("GET", "/v1/models"), ("GET", "/v1/models/gru"))  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    ("header", "detail", "challenge"),
    [
        (None, "Not authenticated", 'Bearer realm="wattgate"'),
        ("Basic ZGVtbzpkZW1v", "Not authenticated", 'Bearer realm="wattgate"'),
        (
            "Bearer rubbish",
            "Could not validate credentials",
            'Bearer realm="wattgate", error="invalid_token"',
        ),
    ],
)
def test_without_a_good_token_no_call_goes_through(running, method, path, header, detail, challenge):
    response = running.https.request(
        method, path, files={"file": b"not even read"} if method == "POST" else None,
        headers={"Authorization": header} if header else None,
    )  # fmt: skip
    assert assert_problem(response, 401, "UNAUTHENTICATED")["detail"] == detail
    assert response.headers["www-authenticate"] == challenge


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer rubbish"),), (("authorization", "Basic x"),)],
)
@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Forecast", pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK))),
        ("ListModels", pb.ListModelsRequest()),
        ("GetModel", pb.GetModelRequest(name="gru")),
    ],
)
def test_without_a_good_token_no_rpc_goes_through(running, method, request_, metadata):
    with pytest.raises(grpc.RpcError) as caught:
        getattr(running.rpc, method)(request_, metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details(caught.value)[0].reason == "UNAUTHENTICATED"


def test_two_tokens_in_one_call_are_none(running, metadata):
    with pytest.raises(grpc.RpcError) as caught:
        running.rpc.ListModels(pb.ListModelsRequest(), metadata=metadata * 2, timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_two_authorization_headers_are_none(running, bearer):
    headers = [("Authorization", bearer["Authorization"])] * 2
    assert_problem(running.https.get("/v1/models", headers=headers), 401, "UNAUTHENTICATED")


def test_bytes_that_are_no_message_are_told_so_and_only_to_callers_with_a_token(running, metadata):
    call = running.channel.unary_unary("/wattgate.forecast.v1.ForecastService/Forecast")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff" * 100, metadata=metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(caught.value)[0].reason == "INVALID_REQUEST"
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff" * 100, timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_path_or_method_that_does_not_exist_is_a_problem_too(running):
    assert_problem(running.https.get("/nowhere"), 404, "NOT_FOUND")
    assert_problem(running.https.get("/predict/gru"), 405, "METHOD_NOT_ALLOWED")


def test_after_all_that_a_forecast_is_still_answered(upload):
    assert len(upload(SAMPLE.read_bytes()).json()) == 8


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/users", "GET, POST"),
        ("GET", "/v1/users/ada", "PATCH"),
        ("GET", "/v1/users/ada:end-tokens", "POST"),
        ("PUT", "/v1/models/gru:forecast", "POST"),
        ("DELETE", "/v1/models/gru", "GET"),
        ("TRACE", "/livez", "GET"),
    ],
)
def test_a_method_that_is_not_there_is_told_which_are(running, method, path, allowed):
    answer = running.https.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("option", "value"),
    [("unit", "MW"), ("labels", "middle"), ("column", ""), ("column", "x" * 65), ("doubled_hour", "third")],
)
def test_an_option_that_is_none_is_named(running, bearer, option, value):
    answer = running.https.post(
        "/v1/models/gru:forecast", files={"file": WEEK}, params={option: value}, headers=bearer
    )
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert option in answer.text


@pytest.mark.parametrize("file", [{"unit": 7}, {"labels": 3}, {"doubled_hour": 9}, {"column": "x" * 65}])
def test_so_is_one_of_a_message(rpc_error, file):
    error = rpc_error(pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=WEEK, **file)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"file.{next(iter(file))}" in error.details()
