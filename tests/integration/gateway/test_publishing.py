"""A model's life before its callers: refused, published, tried, promoted, rolled back, and nobody notices."""

import shutil
import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.preprocessing.features import known_input
from pipelines.spec import ForecastSpec
from pipelines.training.checks import load_as_server
from pipelines.training.supermarket import SEED, ZONE, supermarket_load
from services.local.pair import running_pair
from services.local.ports import free_ports
from tests.data import MODELS, SAMPLE, series_file
from tests.integration.conftest import connect
from wattgate.cli import app

PER_SECOND = 20


@pytest.fixture(scope="module")
def weeks(tmp_path_factory) -> Path:
    """Load that no version was fitted to."""
    file = tmp_path_factory.mktemp("data") / "weeks.csv"
    file.write_bytes(series_file(supermarket_load(datetime(2021, 8, 2, tzinfo=ZONE), 12, seed=SEED + 2)))
    return file


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    """A whole version that knows nothing: every forecast is the training data's mean."""
    import tensorflow as tf

    from pipelines.training.export import export_model

    with load_as_server(MODELS / "gru" / "1") as version:
        spec = version.spec()
    window = tf.keras.Input((spec.window, len(spec.features)))
    nothing = tf.keras.layers.Dense(spec.horizon, kernel_initializer="zeros")
    model = tf.keras.Model(window, nothing(window[:, -1]), name="gru")
    answer = model.predict_on_batch(known_input(spec))[0].astype(np.float64) * spec.load.std + spec.load.mean
    known = spec.known_request.model_copy(update={"forecast_kw": tuple(answer.tolist())})
    folder = tmp_path_factory.mktemp("bad") / "gru" / "1"
    folder.parent.mkdir()
    export_model(model, ForecastSpec(**{**dict(spec), "known_request": known}), folder)
    return folder


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A pair over a repository of its own, every caller of which gets the canary."""
    monkeypatch.setenv("GATEWAY_CANARY_SHARE", "1")
    shutil.copytree(MODELS / "gru", tmp_path / "models" / "gru")
    with running_pair(tmp_path / "var", free_ports(), tmp_path / "models") as pair:
        client = connect(tmp_path / "var", pair)
        with client.https, client.channel:
            yield client


class Load:
    """Twenty forecasts a second, and who answered them."""

    def __init__(self, client) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {client.login()}"}
        self._stop = threading.Event()
        self.statuses: list[int] = []
        self.versions: list[int] = []
        self.stable: list[int] = []
        """The version that serves, as the gateway says once a second."""

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        content = SAMPLE.read_bytes()
        due = time.monotonic()
        while not self._stop.wait(max(due - time.monotonic(), 0)):
            due += 1 / PER_SECOND
            answer = self._client.https.post(
                "/v1/models/gru:forecast", files={"file": content}, headers=self._headers
            )
            self.statuses.append(answer.status_code)
            self.versions.append(answer.json().get("model_version"))
            if len(self.versions) % PER_SECOND == 0:
                self.stable.append(self.model()["version"]["version"])

    def until(self, version: int) -> None:
        """Wait for an answer by that version."""
        for _ in range(300):
            if self.versions and self.versions[-1] == version:
                return
            time.sleep(0.1)
        pytest.fail(f"version {version} never answered: {self.versions[-5:]}")

    def model(self) -> dict:
        return self._client.https.get("/v1/models/gru", headers=self._headers).json()

    def until_serving(self, version: int, canary: int | None) -> None:
        """Wait for the gateway to know these."""
        for _ in range(300):
            model = self.model()
            on_trial = model["canary"] and model["canary"]["version"]
            if (model["version"]["version"], on_trial) == (version, canary):
                return
            time.sleep(0.1)
        pytest.fail(f"the gateway never came to know of it: {model}")


def test_refused_published_promoted_and_rolled_back_under_load_without_a_failed_call(
    pair, weeks, bad, tmp_path
):
    served = ["--repository", str(tmp_path / "models"), "--config", str(tmp_path / "var" / "models.config")]

    def wattgate(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments), *served])

    with Load(pair) as load:
        load.until(1)
        refused = wattgate("publish", bad, "--data", weeks, "--tz", "UTC")
        assert refused.exit_code == 1
        assert "Refused: its mean absolute error is" in refused.output
        assert set(load.versions) == {1}
        assert sorted(path.name for path in (tmp_path / "models" / "gru").iterdir()) == ["1"]

        published = wattgate("publish", MODELS / "gru" / "1", "--data", weeks, "--tz", "UTC", "--settle", 3)
        assert published.exit_code == 0, published.output
        assert "version 2 is canary" in published.output
        load.until_serving(1, canary=2)
        load.until(2)
        assert load.model()["canary"]["state"] == "on_trial"

        assert set(load.stable) == {1}  # to nobody was it more than a canary
        assert wattgate("promote", "gru").exit_code == 0
        load.until_serving(2, canary=None)
        listed = wattgate("models")
        assert listed.exit_code == 0, listed.output
        assert "stable" in listed.output
        assert "previous" in listed.output

        assert wattgate("rollback", "gru").exit_code == 0
        load.until_serving(1, canary=None)
        load.until(1)
    assert set(load.statuses) == {200}
    assert set(load.versions) == {1, 2}
    assert len(load.statuses) > 100
