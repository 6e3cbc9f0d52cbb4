"""Whatever is sent, on either edge: no error of ours, no answer but the declared, nobody in without a token.

FUZZ_EXAMPLES says how many requests for each operation; `make fuzz` sends 1,000.
"""

import contextlib
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import grpc
import pytest

from services.gateway.policy import SCOPES
from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.audit.tools import run
from tests.data import MODELS, SAMPLE
from tests.integration.conftest import connect
from tests.integration.gateway.test_clients import command
from tests.unit.gateway.pass_through.requests import mutated, naming, predict_request
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.tfserving.methods import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT
from wattgate.tfserving.v1.get_model_metadata_pb2 import GetModelMetadataRequest
from wattgate.tfserving.v1.get_model_status_pb2 import GetModelStatusRequest

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))
HEADER, _, ROWS = SAMPLE.read_bytes().partition(b"\n")
# The last week and a little more.
CSV = b"\n".join([HEADER, *ROWS.splitlines()[-700:], b""])
BODY = b"\r\n".join(
    [
        b"--frontier",
        b'Content-Disposition: form-data; name="file"; filename="meter.csv"',
        b"Content-Type: text/csv",
        b"",
        CSV,
        b"--frontier--",
        b"",
    ]
)
SERVICE = "/wattgate.forecast.v1.ForecastService"
FORECAST = pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=CSV))
SOURCES = {
    f"{SERVICE}/Forecast": FORECAST.SerializeToString(),
    f"{SERVICE}/ForecastStream": pb.ForecastStreamRequest(id="1", request=FORECAST).SerializeToString(),
    f"{SERVICE}/GetModel": pb.GetModelRequest(name="gru").SerializeToString(),
    PREDICT: predict_request().SerializeToString(),
    GET_MODEL_METADATA: naming(GetModelMetadataRequest, "gru"),
    GET_MODEL_STATUS: naming(GetModelStatusRequest, "gru"),
}
CALLERS_FAULT = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """One of its own, as users come and go in it."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with running_pair(folder, free_ports(), MODELS) as pair:
        client = connect(folder, pair)
        with client.https, client.channel:
            yield client


@pytest.fixture(scope="module")
def token(pair):
    """Of a client that may do everything: what is sent finds users, and ends their tokens."""
    added = command(pair, "clients", "add", "fuzz", *(f"--scope={scope}" for scope in SCOPES))
    assert added.returncode == 0, added.stderr
    form = {"grant_type": "client_credentials", "client_id": "fuzz", "client_secret": added.stdout.strip()}
    return pair.https.post("/token", data=form).json()["access_token"]


@pytest.fixture
def log(pair):
    """What the gateway has to say of a test; none of it may be a bug."""
    file = pair.folder / "gateway.log"
    before = file.stat().st_size
    yield lambda: file.read_text(errors="replace")[before:]
    said = file.read_text(errors="replace")[before:]
    assert "bug in" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("has_token", [True, False], ids=["with a token", "without"])
def test_https_keeps_to_its_description(pair, token, log, tmp_path, has_token):
    shutil.copy(Path(__file__).parent / "schemathesis.toml", tmp_path)
    fuzzed = run(
        "st",
        "run",
        f"{pair.demo['https']}/openapi.json",
        f"--tls-verify={pair.demo['ca_file']}",
        f"--max-examples={EXAMPLES}",
        "--phases=examples,coverage,fuzzing",
        "--continue-on-failure",
        # More threads trip over each other in ast.parse (CPython 3.11, gh-106905).
        "--workers=1",
        # That a file is a meter file is more than OpenAPI can say.
        "--exclude-checks=positive_data_acceptance",
        *([f"--header=Authorization: Bearer {token}"] if has_token else []),
        cwd=tmp_path,
    )
    assert fuzzed.returncode == 0, fuzzed.stdout[-5000:] + fuzzed.stderr[-1000:]
    codes = Counter(line.split('"code": "')[1][:3] for line in log().splitlines() if '"code": "' in line)
    assert not [code for code in codes if code.startswith("5")], codes
    assert sum(codes.values()) > 5 * EXAMPLES
    assert (codes["401"] < sum(codes.values()) / 2) == has_token, codes


def test_uploads_with_some_bytes_changed_are_read_or_refused(pair, token, log):
    dice = random.Random(13)
    statuses = Counter()
    for _ in range(2 * EXAMPLES):
        answer = pair.https.post(
            "/predict/gru",
            content=mutated(dice, [BODY]),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": f"multipart/form-data; boundary={dice.choice(['frontier'] * 9 + ['x'])}",
            },
        )
        statuses[answer.status_code] += 1
        assert answer.status_code in {200, 413, 422}, answer.text
    assert statuses[200] > 10
    assert statuses[422] > 10


@pytest.mark.parametrize("method", SOURCES)
def test_messages_with_some_bytes_changed_are_read_or_refused(pair, token, log, method):
    dice = random.Random(17)
    call = pair.channel.unary_stream(method)
    codes = Counter()
    for _ in range(EXAMPLES):
        answers = call(
            mutated(dice, [SOURCES[method]]), metadata=(("authorization", f"Bearer {token}"),), timeout=20
        )
        with contextlib.suppress(grpc.RpcError):
            list(answers)
        codes[answers.code().name] += 1
    assert codes.keys() <= CALLERS_FAULT | {"OK"}, codes
    assert sum(codes[code] for code in CALLERS_FAULT) > EXAMPLES / 20 or method.endswith("Stream")
