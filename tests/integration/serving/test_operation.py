"""How the server is run: TLS, UNIX socket, health, and flags of the gRPC server."""

import contextlib
import shutil
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from grpc import StatusCode
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from services.local.ports import free_port
from tests.integration.serving.conftest import Client, launch, run_to_end, serve
from tests.integration.serving.waiting import wait_until

X = np.ones((1, 1), np.float32)
FAILED = 255


def answer(channel):
    return Client(channel, "slim").outputs(model="default", x=X)["y"].item()


def refusal(channel):
    """The code of a call that must fail."""
    return Client(channel, "slim").refusal(model="default", x=X)[0]


@contextlib.contextmanager
def running(folder, *flags):
    """A server of which nothing is known; its log as a function."""
    path = folder / "server.log"
    with path.open("w") as err:
        process = launch(*flags, stderr=err)
    try:
        wait_until(lambda: process.poll() is not None or "Running gRPC" in path.read_text())
        assert process.poll() is None, path.read_text()
        yield path.read_text
    finally:
        process.kill()
        process.wait()


# TLS.


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """`ca` signed `server` and `client`; `other` signed `stranger`. Each is NAME.key and NAME.crt."""
    folder = tmp_path_factory.mktemp("pki")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for ca in ("ca", "other"):
        files = ["-keyout", folder / f"{ca}.key", "-out", folder / f"{ca}.crt"]
        openssl("req", "-x509", *key, *files, "-subj", f"/CN={ca}", "-days", "2")
    for name, ca in [("server", "ca"), ("client", "ca"), ("stranger", "other")]:
        request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("req", *key, "-keyout", folder / f"{name}.key", "-out", request, "-subj", f"/CN={name}")
        signed_by = ["-CA", folder / f"{ca}.crt", "-CAkey", folder / f"{ca}.key", "-CAcreateserial"]
        openssl(
            *["x509", "-req", "-in", request, *signed_by, "-out", folder / f"{name}.crt", "-days", "2"],
            *["-extfile", extensions],
        )
    return folder


def ssl_config(path, pki, more=""):
    def quoted(name):
        return '"' + (pki / name).read_text().replace("\n", "\\n") + '"'

    path.write_text(
        f"server_key: {quoted('server.key')} server_cert: {quoted('server.crt')} "
        f"custom_ca: {quoted('ca.crt')} {more}"
    )
    return path


@contextlib.contextmanager
def tls_channel(port, pki, name=None, ca="ca"):
    own = (pki / f"{name}.key", pki / f"{name}.crt") if name else ()
    credentials = grpc.ssl_channel_credentials(
        (pki / f"{ca}.crt").read_bytes(), *(p.read_bytes() for p in own)
    )
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        yield channel


@pytest.fixture
def tls(models, tmp_path, pki):
    """Start with an SSLConfig that has `more`: the port."""

    @contextlib.contextmanager
    def start(more=""):
        port = free_port()
        file = ssl_config(tmp_path / "ssl.config", pki, more)
        with running(
            tmp_path,
            f"--port={port}",
            f"--model_base_path={models / 'arithmetic'}",
            f"--ssl_config_file={file}",
        ):
            yield port

    return start


def test_tls_without_client_certificates(tls, pki):
    with tls() as port:
        with tls_channel(port, pki) as channel:
            assert answer(channel) == 3.5
        with tls_channel(port, pki, ca="other") as channel:
            assert refusal(channel) == StatusCode.UNAVAILABLE
        with grpc.insecure_channel(f"localhost:{port}") as channel:
            assert refusal(channel) == StatusCode.UNAVAILABLE


def test_client_verify_refuses_whom_the_ca_did_not_sign(tls, pki):
    with tls("client_verify: true") as port:
        with tls_channel(port, pki, "client") as channel:
            assert answer(channel) == 3.5
        for stranger in (None, "stranger"):
            with tls_channel(port, pki, stranger) as channel:
                assert refusal(channel) == StatusCode.UNAVAILABLE


def test_an_ssl_config_that_cannot_be_used_ends_the_start_without_showing_the_key(models, tmp_path, pki):
    key = (pki / "server.key").read_text().splitlines()[1]
    faults = {
        f"server_key: '{key}": "Invalid protobuf file",
        f"server_key: '{key}'": "must hold server_key and server_cert",
        "server_key: 'k' server_cert: 'c' client_verify: true": "without a custom_ca",
        f"server_key: '{key}' server_cert: '{key}'": "cannot listen on",
        "server_key: 'k' server_cert: 'c' client_verify: false": "needs client_verify",
    }

    def start(number, text):
        file = tmp_path / f"ssl-{number}.config"
        file.write_text(text)
        # Names of clients are asked for where the file does not: that would let in everybody.
        names = ["--allowed_client_names=gateway"] if "client_verify: false" in text else []
        return run_to_end(
            *names,
            f"--port={free_port()}",
            f"--model_base_path={models / 'arithmetic'}",
            f"--ssl_config_file={file}",
        )

    with ThreadPoolExecutor() as starters:
        ends = list(starters.map(start, *zip(*enumerate(faults), strict=True)))
    for (status, out, err), said in zip(ends, faults.values(), strict=True):
        assert status == FAILED
        assert said in out
        assert key not in out + err


# Where it listens.


def test_a_unix_socket_instead_of_a_port(models, tmp_path):
    path = tmp_path / "grpc.sock"
    flags = ["--port=0", f"--grpc_socket_path={path}", f"--model_base_path={models / 'arithmetic'}"]
    for _ in range(2):  # the second finds the first one's socket
        with running(tmp_path, *flags) as log, grpc.insecure_channel(f"unix:{path}") as channel:
            assert answer(channel) == 3.5
            assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO == 0  # others may not call
            assert f"Running gRPC ModelServer at unix:{path} ..." in log()


def test_a_unix_socket_beside_a_port(models, tmp_path):
    path = tmp_path / "grpc.sock"
    with serve(
        tmp_path, f"--grpc_socket_path={path}", f"--model_base_path={models / 'arithmetic'}"
    ) as server:
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert answer(channel) == 3.5
        assert answer(server.channel) == 3.5


def test_nothing_to_listen_on(models):
    status, out, _ = run_to_end("--port=0", f"--model_base_path={models / 'arithmetic'}")
    assert status == FAILED
    assert "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set." in out


# The gRPC server's own settings.


def test_channel_arguments_reach_grpc(models, tmp_path):
    limit = "--grpc_channel_arguments=grpc.max_receive_message_length=100,grpc.lb_policy_name=grpclb"
    with serve(tmp_path, f"--model_base_path={models / 'arithmetic'}", limit) as server:
        assert answer(server.channel) == 3.5
        code, _ = Client(server.channel, "slim").refusal(model="default", x=np.ones((100, 1), np.float32))
        assert code == StatusCode.RESOURCE_EXHAUSTED


def test_max_threads_is_how_many_models_run_at_a_time(models, tmp_path):
    with serve(tmp_path, f"--model_base_path={models / 'slow'}", "--grpc_max_threads=1") as server:
        client = Client(server.channel, "slim")

        def loop(steps):
            return client.prediction.Predict.future(
                client.request(model="default", steps=np.array([steps], np.int32))
            )

        long = loop(200_000)
        time.sleep(0.2)
        short = loop(1)
        short.result()
        assert long.done()


# Health.


def health(channel, method="Check"):
    """A call of grpc.health.v1.Health by service name, in bytes."""
    path = f"/grpc.health.v1.Health/{method}"

    def request(service):
        return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""

    if method == "Check":
        return channel.unary_unary(path, request_serializer=request, response_deserializer=lambda raw: raw[1])
    return channel.unary_stream(path, request_serializer=request, response_deserializer=lambda raw: raw[1])


SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
HEALTH = "--enable_grpc_healthcheck_service"


def test_health_tells_whether_every_model_has_a_version(models, tmp_path):
    shutil.copytree(models / "arithmetic" / "1", tmp_path / "models" / "1")
    with serve(tmp_path, f"--model_base_path={tmp_path / 'models'}", HEALTH) as server:
        check = health(server.channel)
        watched = health(server.channel, "Watch")("PredictionService", timeout=60)
        for service in (
            "",
            "PredictionService",
            "ModelService",
            "tensorflow.serving.PredictionService",
            "tensorflow.serving.ModelService",
        ):
            assert check(service) == SERVING
        assert next(watched) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            check("other")
        assert caught.value.code() == StatusCode.NOT_FOUND
        assert next(health(server.channel, "Watch")("other")) == SERVICE_UNKNOWN

        (tmp_path / "models" / "1").rename(tmp_path / "away")
        wait_until(lambda: check("") == NOT_SERVING)
        assert next(watched) == NOT_SERVING
        (tmp_path / "away").rename(tmp_path / "models" / "1")
        wait_until(lambda: check("") == SERVING)
        assert next(watched) == SERVING

        # A model without versions counts from the reload that asks for it to the one that does not.
        (tmp_path / "empty").mkdir()
        reload = ReloadConfigRequest()
        entry = "config {{ name: '{0}' base_path: '{1}' model_platform: 'tensorflow' }}"
        for names, told in [(("default", "empty"), NOT_SERVING), (("default",), SERVING)]:
            folders = {"default": tmp_path / "models", "empty": tmp_path / "empty"}
            listed = "".join(entry.format(name, folders[name]) for name in names)
            text_format.Parse(f"model_config_list {{ {listed} }}", reload.config)
            client = Client(server.channel, "official")
            asked = client.models.HandleReloadConfigRequest.future(reload, timeout=20)
            wait_until(lambda told=told: check("") == told)
            assert next(watched) == told
            reload.Clear()
            asked.cancel()

        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10  # a watcher does not hold up the end
        assert list(watched) in ([NOT_SERVING], [])


def test_no_health_service_unless_asked_for(server):
    with pytest.raises(grpc.RpcError) as caught:
        health(server.channel)("")
    assert caught.value.code() == StatusCode.UNIMPLEMENTED
