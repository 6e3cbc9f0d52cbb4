"""A real pair for the tests: embedded model server and gateway, on free ports."""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from services.local.home import Home
from services.local.pair import Pair, running_pair
from services.local.ports import free_ports
from tests.data import MODELS
from wattgate.forecast.v1.forecast_service_pb2_grpc import ForecastServiceStub


@dataclass(frozen=True)
class Client:
    """A running pair as a client knows it."""

    folder: Path
    demo: dict[str, str]
    pair: Pair
    https: httpx.Client
    channel: grpc.Channel

    @property
    def ca(self) -> bytes:
        """PEM of the authority to trust."""
        return Path(self.demo["ca_file"]).read_bytes()

    def login(self) -> str:
        form = {"username": self.demo["username"], "password": self.demo["password"]}
        answer = self.https.post("/token", data=form)
        answer.raise_for_status()
        return answer.json()["access_token"]

    @property
    def rpc(self) -> ForecastServiceStub:
        return ForecastServiceStub(self.channel)


def connect(folder: Path, pair: Pair) -> Client:
    demo = json.loads((folder / "demo.json").read_text())
    ca = Path(demo["ca_file"])
    https = httpx.Client(base_url=demo["https"], verify=ssl.create_default_context(cafile=ca), timeout=30)
    channel = grpc.secure_channel(demo["grpc"], grpc.ssl_channel_credentials(ca.read_bytes()))
    return Client(folder, demo, pair, https, channel)


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Home:
    """Certificates, keys and the demo user, for gateways without a pair."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.set_up()
    return home


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """One pair for all tests that do not break it."""
    folder = tmp_path_factory.mktemp("pair")
    with running_pair(folder, free_ports(rest=True), MODELS) as pair:
        client = connect(folder, pair)
        with client.https, client.channel:
            yield client


@pytest.fixture
def breakable(tmp_path):
    """A pair of the test's own, to break."""
    with running_pair(tmp_path, free_ports(), MODELS) as pair:
        client = connect(tmp_path, pair)
        with client.https, client.channel:
            yield client


@pytest.fixture(scope="module")
def bearer(running) -> dict[str, str]:
    """HTTPS headers of the demo user; anew for each file, as tokens run out while many run."""
    return {"Authorization": f"Bearer {running.login()}"}


@pytest.fixture(scope="module")
def metadata(running) -> tuple[tuple[str, str], ...]:
    """gRPC metadata of the demo user."""
    return (("authorization", f"Bearer {running.login()}"),)


@pytest.fixture
def upload(running, bearer) -> Callable[..., httpx.Response]:
    """The thesis' call."""

    def post(content: bytes, *, path: str = "/predict/gru", tz: str | None = None) -> httpx.Response:
        params = {"tz": tz} if tz else None
        return running.https.post(path, files={"file": content}, params=params, headers=bearer)

    return post
