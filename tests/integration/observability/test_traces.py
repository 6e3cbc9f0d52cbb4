"""One trace from the client over the gateway to the model server, on both edges."""

import secrets

import pytest

from tests.data import SAMPLE
from wattgate.forecast.v1 import forecast_service_pb2 as pb

CSV = SAMPLE.read_bytes()
PREDICT = "tensorflow.serving.PredictionService/Predict"
GATEWAY, MODEL_SERVER = "wattgate-gateway", "wattgate-model-server"


def https(client, token, traceparent):
    headers = {"Authorization": f"Bearer {token}", "traceparent": traceparent, "X-Request-ID": "traced"}
    client.https.post("/predict/gru", files={"file": CSV}, headers=headers).raise_for_status()
    return "POST /predict/{model}"


def rpc(client, token, traceparent):
    metadata = [
        ("authorization", f"Bearer {token}"),
        ("traceparent", traceparent),
        ("x-request-id", "traced"),
    ]
    request = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=CSV))
    client.rpc.Forecast(request, metadata=metadata, timeout=20)
    return "wattgate.forecast.v1.ForecastService/Forecast"


@pytest.mark.parametrize("call", [https, rpc])
def test_a_callers_trace_goes_through_to_the_model_server(watched, token, call):
    trace_id, callers_span = secrets.token_hex(16), secrets.token_hex(8)
    name = call(watched.client, token, f"00-{trace_id}-{callers_span}-01")
    spans = watched.trace(trace_id, least=5)
    assert sorted((span.service, span.name) for span in spans) == sorted(
        [
            (GATEWAY, name),
            (GATEWAY, "read history"),
            (GATEWAY, "make model input"),
            (GATEWAY, PREDICT),
            (MODEL_SERVER, PREDICT),
        ]
    )
    by_name = {(span.service, span.name): span for span in spans}
    edge, hop = by_name[GATEWAY, name], by_name[GATEWAY, PREDICT]
    assert edge.parent_id == callers_span
    for child in ("read history", "make model input", PREDICT):
        assert by_name[GATEWAY, child].parent_id == edge.id
    assert by_name[MODEL_SERVER, PREDICT].parent_id == hop.id
    assert edge.attributes["wattgate.model"] == "gru"
    assert edge.attributes["wattgate.request_id"] == "traced"
    assert by_name[MODEL_SERVER, PREDICT].attributes["wattgate.request_id"] == "traced"


def test_a_call_without_a_trace_begins_one_and_the_log_names_it(watched, token):
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "new-trace"}
    watched.client.https.post("/predict/gru", files={"file": CSV}, headers=headers)
    (line,) = watched.events("new-trace")
    spans = watched.trace(line["trace_id"], least=5)
    assert [span.id for span in spans if not span.parent_id] == [line["span_id"]]


def test_the_gateways_own_questions_are_nobodys_trace(watched):
    watched.client.https.get("/livez", headers={"X-Request-ID": "alive"})
    spans = watched.collector.spans
    names = {span.name for span in spans if not span.parent_id and "wattgate.edge" not in span.attributes}
    assert not {name for name in names if name.startswith("tensorflow.serving")}


def test_what_a_query_carries_is_in_no_span(watched):
    watched.client.https.get(
        "/nothing-here?token=canary-in-query", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    )
    spans = watched.trace("ab" * 16, least=1)
    assert "canary" not in repr(spans)
    assert "nothing-here" not in repr(spans)
