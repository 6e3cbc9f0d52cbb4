"""Gateway and model server over TLS: each shows the other who it is, or nothing is said."""

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
from typer.testing import CliRunner

from services.local.authority import CLIENT, Authority
from services.local.between import Between
from services.local.certificates import write_secret
from services.local.pair import HOST
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE
from tests.integration.gateway.certificates import Signed
from tests.integration.gateway.in_process import ModelServer, edges
from wattgate.cli import app
from wattgate.forecast.v1 import forecast_service_pb2 as pb
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub
from wattgate.tfserving.methods import GET_MODEL_STATUS
from wattgate.tfserving.v1.get_model_status_pb2 import GetModelStatusRequest
from wattgate.tfserving.v1.model_pb2 import ModelSpec

ENOUGH_S = 10
HEALTH = "/grpc.health.v1.Health/Check"
CA, OTHER_CA = Signed.authority("ours"), Signed.authority("theirs")
CSV = SAMPLE.read_bytes()


@pytest.fixture
def files(tmp_path):
    """Settings of the gateway for an authority to trust and a certificate to show."""

    def write(trusted=CA, shown=None):
        settings = {"model_server_ca": tmp_path / "ca.pem"}
        settings["model_server_ca"].write_bytes(trusted.pem)
        if shown:
            settings["model_server_certificate"] = tmp_path / "gateway.pem"
            settings["model_server_certificate"].write_bytes(shown.pem)
            settings["model_server_key"] = tmp_path / "gateway.key"
            write_secret(settings["model_server_key"], shown.key)
        return settings

    return write


async def answers(edge):
    """What a forecast over each edge ends with, and a call that is passed through."""
    https = await edge.https.post("/predict/gru", files={"file": CSV})
    status = GetModelStatusRequest(model_spec=ModelSpec(name="gru")).SerializeToString()
    codes = []
    for call in (
        ForecastServiceStub(edge.rpc).Forecast(
            pb.ForecastRequest(model="gru", file=pb.MeterFile(csv=CSV)),
            metadata=edge.metadata,
            timeout=ENOUGH_S,
        ),
        edge.rpc.unary_unary(GET_MODEL_STATUS)(status, metadata=edge.metadata, timeout=ENOUGH_S),
    ):
        try:
            await call
        except grpc.aio.AioRpcError as error:
            codes.append(error.code().name)
        else:
            codes.append("OK")
    return https.status_code, *codes


UNAVAILABLE = (503, "UNAVAILABLE", "UNAVAILABLE")
ANSWERED = (200, "OK", "OK")

SERVERS = {
    "another authority": OTHER_CA.sign(),
    "another name": CA.sign(("model-server.example",)),
    "expired": CA.sign(has_expired=True),
    "signed by itself": Signed.by_itself(),
}


def serving(shown, *, asks=None):
    """Credentials of a model server; it asks for certificates by the authority `asks`."""
    return grpc.ssl_server_credentials(
        [(shown.key, shown.pem)],
        root_certificates=asks.pem if asks else None,
        require_client_auth=asks is not None,
    )


@pytest.mark.parametrize("fault", SERVERS)
async def test_a_model_server_that_proves_nothing_is_told_nothing(home, files, fault):
    async with (
        ModelServer(credentials=serving(SERVERS[fault])) as server,
        edges(home, server.address, **files()) as edge,
    ):
        assert await answers(edge) == UNAVAILABLE
        assert (await edge.https.get("/readyz")).status_code == 503
        assert server.delivered == 0


async def test_a_model_server_without_tls_is_told_nothing_where_tls_is_asked_for(home, files, model_server):
    async with edges(home, model_server.address, **files()) as edge:
        assert await answers(edge) == UNAVAILABLE
    assert model_server.delivered == 0


GATEWAYS = {"no certificate": None, "a certificate of another authority": OTHER_CA.sign(("gateway",))}


@pytest.mark.parametrize("fault", [*GATEWAYS, "no TLS"])
async def test_a_gateway_that_proves_nothing_is_not_heard(home, files, fault):
    settings = {} if fault == "no TLS" else files(shown=GATEWAYS[fault])
    async with (
        ModelServer(credentials=serving(CA.sign(), asks=CA)) as server,
        edges(home, server.address, **settings) as edge,
    ):
        assert await answers(edge) == UNAVAILABLE
        assert server.delivered == 0


async def test_both_prove_who_they_are_and_forecasts_are_answered(home, files):
    async with (
        ModelServer(credentials=serving(CA.sign(), asks=CA)) as server,
        edges(home, server.address, **files(shown=CA.sign(("gateway",)))) as edge,
    ):
        await edge.until_ready()
        assert await answers(edge) == ANSWERED
        assert server.delivered > 0


@pytest.fixture(scope="module")
def between(tmp_path_factory):
    """What `wattgate certs` makes."""
    between = Between(tmp_path_factory.mktemp("certs"))
    result = CliRunner().invoke(app, ["certs", f"--out={between.folder}", "--gateway=gateway.internal"])
    assert result.exit_code == 0, result.output
    return between


@pytest.fixture(scope="module")
def embedded(between, tmp_path_factory):
    """The address of the embedded model server, which lets in the gateway alone."""
    port = free_ports().model_server
    flags = [
        f"--bind_address={HOST}",
        f"--port={port}",
        "--model_name=gru",
        f"--model_base_path={MODELS / 'gru'}",
        f"--ssl_config_file={between.ssl_config}",
        "--allowed_client_names=gateway.internal,other.internal",
        "--enable_grpc_healthcheck_service=true",
    ]
    log = tmp_path_factory.mktemp("embedded") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "services.serving", *flags], stdout=out, stderr=out)
    try:
        _wait_for("Running gRPC", log, process)
        yield f"localhost:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(words: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


async def test_the_embedded_model_server_hears_only_the_gateway_that_it_trusts(
    home, files, between, embedded
):
    only = {"models": ("gru",), "default_model": "gru", "model_server_ca": between.ca}
    ours = {"model_server_certificate": between.gateway, "model_server_key": between.gateway_key}
    async with edges(home, embedded, **only, **ours) as edge:
        await edge.until_ready()
        assert await answers(edge) == ANSWERED
    shown = files(shown=OTHER_CA.sign(("gateway.internal",)))
    async with edges(home, embedded, **{**shown, **only}) as edge:
        assert await answers(edge) == UNAVAILABLE
    async with edges(home, embedded, **only) as edge:
        assert await answers(edge) == UNAVAILABLE
    async with edges(home, embedded, **{**only, "model_server_ca": None}) as edge:
        assert await answers(edge) == UNAVAILABLE


async def test_of_those_its_authority_knows_it_hears_only_the_names_it_was_given(between, embedded):
    authority = Authority.read(between.ca.read_bytes(), between.ca_key.read_bytes())
    status = GetModelStatusRequest(model_spec=ModelSpec(name="gru")).SerializeToString()
    said = {}
    for names in (
        ("gateway.internal",),
        ("x.internal", "other.internal"),
        ("billing",),
        ("gateway.internal.x",),
    ):
        shown = authority.sign(names, CLIENT, timedelta(days=1))
        credentials = grpc.ssl_channel_credentials(between.ca.read_bytes(), shown.key_pem, shown.pem)
        async with grpc.aio.secure_channel(embedded, credentials) as channel:
            said[names[-1]] = [
                (await channel.unary_unary(GET_MODEL_STATUS)(status, timeout=ENOUGH_S).code()).name,
                (await channel.unary_unary(HEALTH)(b"", timeout=ENOUGH_S).code()).name,
            ]
    assert said == {
        "gateway.internal": ["OK", "OK"],
        "other.internal": ["OK", "OK"],
        "billing": ["PERMISSION_DENIED", "PERMISSION_DENIED"],
        "gateway.internal.x": ["PERMISSION_DENIED", "PERMISSION_DENIED"],
    }
