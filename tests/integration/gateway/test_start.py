"""What keeps the gateway or the pair from starting is said in a line or two."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from services.local.certificates import ensure_certificates, write_secret
from services.local.pair import HOST, PairError, Ports, running_pair
from services.local.ports import free_ports
from tests.data import MODELS, REPOSITORY
from tests.integration.gateway.certificates import Signed


@pytest.fixture
def start(home):
    """Start a gateway that is set up well but for what is changed; answers how it ended."""

    def run(**changes) -> subprocess.CompletedProcess:
        ports = free_ports()
        settings = {
            "HTTPS_PORT": ports.https,
            "GRPC_PORT": ports.grpc,
            "TLS_CERTIFICATE": home.certificate,
            "TLS_KEY": home.key,
            "TOKEN_KEY": home.token_key,
            "DATABASE_URL": home.database_url,
            **changes,
        }
        environment = {f"GATEWAY_{name}": str(value) for name, value in settings.items() if value is not None}
        return subprocess.run(
            [sys.executable, "-m", "services.gateway"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], **environment},
            timeout=30,
        )

    return run


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"TLS_KEY": None, "TOKEN_KEY": None},
            ["GATEWAY_TLS_KEY: Field required", "GATEWAY_TOKEN_KEY: Field"],
        ),
        ({"HTTPS_PORT": "none"}, ["GATEWAY_HTTPS_PORT: "]),
        ({"GRPC_PORT": 99999}, ["GATEWAY_GRPC_PORT: ", "65535"]),
        ({"DEFAULT_MODEL": "arima"}, ["default_model 'arima' is not among the models"]),
        ({"MODELS": "cnn"}, ["models"]),
        ({"TOKEN_KEY": REPOSITORY / "README.md"}, ["cannot start"]),
        ({"TLS_KEY": REPOSITORY / "README.md"}, ["are no certificate and its key"]),
        ({"DATABASE_URL": "nonsense"}, ["'nonsense' is not a database URL"]),
        ({"DATABASE_URL": "sqlite:////nowhere/users.db"}, ["/nowhere/users.db cannot be written"]),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, ["user table cannot be reached", "refused"]),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_is_said(start, changes, says):
    ended = start(**changes)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) < 8
    for words in says:
        assert words in ended.stderr


def test_a_key_of_another_certificate_is_said(start, tmp_path):
    other = tmp_path / "other.key"
    ensure_certificates(tmp_path / "ca.pem", tmp_path / "other.pem", other)
    assert "are no certificate and its key" in start(TLS_KEY=other).stderr


def test_a_certificate_that_has_expired_is_said(start, tmp_path):
    expired = Signed.authority("test").sign(has_expired=True)
    certificate, key = tmp_path / "expired.pem", tmp_path / "expired.key"
    certificate.write_bytes(expired.pem)
    write_secret(key, expired.key)
    ended = start(TLS_CERTIFICATE=certificate, TLS_KEY=key)
    assert ended.returncode == 1
    assert f"GATEWAY_TLS_CERTIFICATE: {certificate} is valid from" in ended.stderr


@pytest.mark.parametrize("mode", [0o604, 0o602])
def test_a_key_that_is_not_secret_is_said(start, home, tmp_path, mode):
    key = tmp_path / "open.key"
    write_secret(key, home.key.read_bytes())
    key.chmod(mode)
    ended = start(TLS_KEY=key)
    assert ended.returncode == 1
    assert f"GATEWAY_TLS_KEY: every user of this machine may use {key}" in ended.stderr


def test_a_key_behind_a_password_is_said_and_nobody_is_asked_for_it(start, tmp_path):
    signed = Signed.by_itself()
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_bytes(signed.pem)
    locked = signed.private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    write_secret(key, locked)
    ended = start(TLS_CERTIFICATE=certificate, TLS_KEY=key)
    assert ended.returncode == 1
    assert "GATEWAY_TLS_KEY are no certificate and its key" in ended.stderr


@pytest.mark.parametrize("edge", ["HTTPS", "GRPC"])
def test_a_port_that_is_taken_is_said(start, edge):
    with closing(socket.create_server((HOST, 0))) as taken:
        port = taken.getsockname()[1]
        ended = start(**{f"{edge}_PORT": port})
    assert ended.returncode == 1
    assert f"cannot listen on {HOST}:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("variable", ["HTTPS_PORT", "GRPC_PORT", "MODEL_SERVER_PORT"])
def test_a_pair_names_the_port_that_is_taken_and_the_way_out(tmp_path, variable):
    ports = free_ports()
    port = {"HTTPS_PORT": ports.https, "GRPC_PORT": ports.grpc, "MODEL_SERVER_PORT": ports.model_server}[
        variable
    ]
    with (
        closing(socket.create_server((HOST, port))),
        pytest.raises(PairError, match=rf"Port {port} cannot be had .*: set {variable} to another"),
        running_pair(tmp_path, ports, MODELS),
    ):
        pass


def test_a_pair_does_not_start_where_another_runs(running):
    with (
        pytest.raises(PairError, match=r"A pair runs in .* already"),
        running_pair(running.folder, free_ports(), MODELS),
    ):
        pass
    assert (running.folder / "demo.json").exists()


def test_a_pair_without_models_or_with_one_port_twice_does_not_start(tmp_path):
    with (
        pytest.raises(PairError, match="There is no model"),
        running_pair(tmp_path, free_ports(), tmp_path / "none"),
    ):
        pass
    with (
        pytest.raises(PairError, match="must differ"),
        running_pair(tmp_path, Ports(9000, 9000, 9001), MODELS),
    ):
        pass


@pytest.fixture
def served(tmp_path):
    """`wattgate serve`, as a shell starts a background job: with SIGINT ignored."""
    ports = free_ports()
    process = subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "-",
         sys.executable, "-m", "wattgate", "serve", "--var", str(tmp_path), "--https-port", str(ports.https),
         "--grpc-port", str(ports.grpc), "--model-server-port", str(ports.model_server)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "demo.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield process, ports
    process.kill()
    process.wait()


def free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) != 0


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=["once", "twice"])
def test_a_signal_ends_both_services_and_two_end_them_at_once(served, numbers):
    process, ports = served
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.2)
    assert process.wait(15) == 0
    assert all(free(port) for port in (ports.https, ports.grpc, ports.model_server))
