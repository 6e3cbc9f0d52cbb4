"""The embedded server, started by the stock server's flags and files; only the models are elsewhere."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests

from pipelines.spec import SIGNATURE, ForecastSpec
from services.serving.monitoring import DEFAULT_PATH
from tests.data import MODELS, REPOSITORY
from tests.integration.serving.conftest import Client, serve

CONFIG = REPOSITORY / "services" / "serving" / "config"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    for file in CONFIG.iterdir():
        (folder / file.name).write_text(file.read_text().replace('"/models/', f'"{MODELS}/'))
    flags = [
        line.replace("=/config/", f"={folder}/")
        for name in ("server.flags", "batching.flags")
        for line in (folder / name).read_text().splitlines()
        if not line.startswith("--port=")
    ]
    with serve(folder, *flags) as running:
        yield running


def test_it_forecasts_in_batches_tells_its_spec_and_counts(server):
    client = Client(server.channel, "slim")
    spec = ForecastSpec.model_validate_json(client.outputs(SIGNATURE, model="gru")[SIGNATURE].item())
    noise = np.random.default_rng(1).standard_normal((1, spec.window, len(spec.features)))
    window = {spec.input: noise.astype(np.float32)}
    with ThreadPoolExecutor(16) as callers:
        asked = [callers.submit(client.outputs, "compiled", model="gru", **window) for _ in range(64)]
        forecasts = [answer.result()[spec.output] for answer in asked]
    for forecast in forecasts:
        assert forecast.shape == (1, spec.horizon)
        np.testing.assert_allclose(forecast, forecasts[0], atol=1e-5)
    metrics = requests.get(server.rest_url + DEFAULT_PATH, timeout=5).text
    assert ':tensorflow:serving:request_count{model_name="gru",status="OK"} 65' in metrics.splitlines()


def test_its_health_can_be_asked(server):
    check = server.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"", timeout=5) == b"\x08\x01"  # SERVING
    with pytest.raises(grpc.RpcError):
        check(b"\xff", timeout=5)
