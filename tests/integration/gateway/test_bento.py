"""BentoML's side of the gateway, against an HTTP server that answers what it is told to."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import ValidationError

from pipelines.preprocessing.series import LoadSeries
from services.core.errors import DeadlineError, ModelFailedError, ModelUnavailableError
from services.gateway.adapters.bento import Bento, trusted
from services.gateway.models import ServedModel, VersionGoneError
from services.local.ports import free_ports
from tests.integration.gateway.certificates import Signed
from tests.integration.gateway.in_process import SPEC, edges

MODEL = ServedModel("gru", 1, "compiled", SPEC)
WINDOW = LoadSeries(np.arange(3) * 900, np.array([1.0, 2.0, 3.0]))
SECRET = "/srv/models/secret"
ENOUGH_S = 5.0


class Server:
    """Has one version of each model; forecasts the mean of every window, right for the known request."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked = []
        self.answers = []
        """What the next requests get instead: status and body, or None for a connection that is closed."""
        self.held = threading.Event()
        self.held.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.path, json.loads(body), self.headers))
                server.held.wait(ENOUGH_S)
                answer = (
                    server.answers.pop(0) if server.answers else server.usual(self.path, json.loads(body))
                )
                if answer is None:
                    self.close_connection = True
                    return
                status, content = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A gateway that hangs up is no news.
        self._server.handle_error = lambda *_: None
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @staticmethod
    def usual(path, asked):
        answer = {
            "/versions": lambda: [1],
            "/spec": lambda: SPEC.model_dump(mode="json"),
            "/forecast": lambda: [[SPEC.load.mean] * SPEC.horizon] * len(asked["windows"]),
        }[path]()
        return 200, json.dumps(answer).encode()

    def stop(self):
        self.held.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
async def bento(server):
    bento = Bento(server.url, trust=True)
    yield bento
    await bento.close()


async def forecast(bento, timeout_s=ENOUGH_S):
    return await bento.forecast_kw(MODEL, [WINDOW, WINDOW], timeout_s=timeout_s)


async def test_both_edges_forecast_by_it(home, server):
    async with edges(home, server.url, engine="bentoml") as edge:
        await edge.until_ready()
        answer = await edge.https.post(
            "/v1/models/gru:forecast",
            json={"start": "2024-06-03T00:00:00Z", "kw": [1.0] * SPEC.window},
        )
        assert answer.status_code == 200, answer.text
        assert [step["kw"] for step in answer.json()["steps"]] == [SPEC.load.mean] * SPEC.horizon


async def test_a_call_names_version_and_signature_and_carries_loads(bento, server):
    assert (await forecast(bento)).shape == (2, SPEC.horizon)
    ((path, asked, headers),) = server.asked
    assert path == "/forecast"
    assert headers["Content-Type"] == "application/json"
    assert asked == {
        "model": "gru",
        "version": 1,
        "signature": "compiled",
        "windows": [{"start_s": 0, "kw": [1.0, 2.0, 3.0]}] * 2,
    }


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (404, VersionGoneError),
        (504, ModelUnavailableError),
        (520, ModelFailedError),
        (429, ModelUnavailableError),
        (502, ModelUnavailableError),
        (503, ModelUnavailableError),
        (400, ModelFailedError),
        (500, ModelFailedError),
        (302, ModelFailedError),
    ],
)
async def test_its_errors_become_ours_without_its_words(bento, server, status, ours):
    server.answers = [(status, SECRET.encode())]
    with pytest.raises(ours) as caught:
        await forecast(bento)
    assert type(caught.value) is ours
    assert SECRET not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON",
        b"[[1]]",
        b"[]",
        b"null",
        b'"text"',
        b"[[1,2],[3]]",
        b"[[1" + b"0" * 400 + b"]]",
        b'{"a": 1}',
        b"[" * 100_000,
        b"0" * 5_000_000,
    ],
    ids=["no json", "short", "empty", "null", "text", "ragged", "huge", "object", "deep", "long"],
)
async def test_an_answer_that_is_no_forecast_is_a_failed_model(bento, server, answer):
    server.answers = [(200, answer)]
    with pytest.raises(ModelFailedError):
        await forecast(bento)


@pytest.mark.parametrize("found", [["1"], [True], [1.5], {"a": 1}])
async def test_versions_are_numbers(bento, server, found):
    server.answers = [(200, json.dumps(found).encode())]
    with pytest.raises(ModelFailedError):
        await bento.available_versions("gru", timeout_s=ENOUGH_S)


async def test_no_version_is_an_unavailable_model(bento, server):
    server.answers = [(200, b"[]")]
    with pytest.raises(ModelUnavailableError):
        await bento.available_versions("gru", timeout_s=ENOUGH_S)


async def test_a_spec_that_is_none_is_told_from_one_that_is(bento, server):
    assert await bento.spec("gru", 1, timeout_s=ENOUGH_S) == SPEC
    server.answers = [(200, b'{"format": 1}')]
    with pytest.raises(ValidationError):
        await bento.spec("gru", 1, timeout_s=ENOUGH_S)


async def test_no_answer_in_time_is_a_deadline_error(bento, server):
    server.held.clear()
    with pytest.raises(DeadlineError, match=r"within 0\.2 s"):
        await forecast(bento, timeout_s=0.2)


async def test_a_connection_that_was_closed_is_opened_again_once(bento, server):
    await forecast(bento)
    server.answers = [None]
    await forecast(bento)
    assert len(server.asked) == 3
    server.answers = [None, None]
    with pytest.raises(ModelUnavailableError):
        await forecast(bento)
    assert len(server.asked) == 5


async def test_nobody_there_is_an_unavailable_model():
    bento = Bento(f"http://localhost:{free_ports().model_server}", trust=True)
    with pytest.raises(ModelUnavailableError):
        await forecast(bento)
    await bento.close()


CA, OTHER_CA = Signed.authority("CA"), Signed.authority("another")


@pytest.fixture
def secured(tmp_path):
    """A service with a certificate that asks for one, and the files of a gateway that has one."""
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    for name, signed in {"server": CA.sign(), "gateway": CA.sign(("gateway",))}.items():
        (tmp_path / f"{name}.pem").write_bytes(signed.pem)
        (tmp_path / f"{name}.key").write_bytes(signed.key)
        (tmp_path / f"{name}.key").chmod(0o600)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server = Server(context)
    yield server, tmp_path
    server.stop()


@pytest.mark.parametrize("fault", [None, "no certificate", "another authority"])
async def test_over_tls_both_prove_who_they_are(secured, fault):
    server, folder = secured
    if fault == "another authority":
        (folder / "ca.pem").write_bytes(OTHER_CA.pem)
    shown = (None, None) if fault == "no certificate" else (folder / "gateway.pem", folder / "gateway.key")
    bento = Bento(server.url, trusted(folder / "ca.pem", *shown))
    try:
        if fault:
            with pytest.raises(ModelUnavailableError):
                await forecast(bento)
            assert server.asked == []
        else:
            assert (await forecast(bento)).shape == (2, SPEC.horizon)
    finally:
        await bento.close()
