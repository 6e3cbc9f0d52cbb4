"""Both shipped models, served from one config file as `make run` does."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.spec import SIGNATURE, ForecastSpec
from tests.integration.serving.conftest import Client, serve

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped")
    configs = [
        f'config {{ name: "{name}" base_path: "{MODELS / name}" model_platform: "tensorflow" }}'
        for name in ("cnn", "gru")
    ]
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(configs)} }}")
    with serve(folder, f"--model_config_file={folder / 'models.config'}") as running:
        yield Client(running.channel, "slim")


@pytest.mark.requirement("FR1")
@pytest.mark.parametrize("model", ["cnn", "gru"])
def test_each_tells_its_spec_and_forecasts_alike_by_every_signature(shipped, model):
    spec = ForecastSpec.model_validate_json(shipped.outputs(SIGNATURE, model=model)[SIGNATURE].item())
    noise = np.random.default_rng(1).standard_normal((1, spec.window, len(spec.features)))
    inputs = {spec.input: noise.astype(np.float32)}
    forecasts = [shipped.outputs(name, model=model, **inputs)[spec.output] for name in spec.signatures]
    assert forecasts[0].shape == (1, spec.horizon)
    for other in forecasts[1:]:
        np.testing.assert_allclose(forecasts[0], other, atol=1e-5)
