"""Both ports talk TLS as Mozilla's "intermediate" profile allows it, and in no other way."""

import socket
import ssl
import warnings
from ssl import TLSVersion

import pytest

from services.local.pair import HOST
from tests.audit.tools import run

CURVES = {"X25519", "prime256v1", "secp384r1"}
OTHER_CURVES = {"X448", "secp521r1", "secp224r1", "secp256k1", "brainpoolP256r1"}
SUITES = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""The profile's, of those that go with the home's elliptic key."""


@pytest.fixture(params=["https", "grpc"])
def port(request, gateway):
    return gateway.https_port if request.param == "https" else gateway.grpc_port


def hello(home, port, *, version=None, suite="ALL:COMPLEMENTOFALL", curve=None) -> tuple[str, str] | None:
    """Version and suite that a client which knows only this gets; None where there is nothing in common."""
    client = ssl.create_default_context(cafile=home.ca_file)
    client.set_alpn_protocols(["h2", "http/1.1"])
    client.set_ciphers(f"{suite}:@SECLEVEL=0")
    if version:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            client.minimum_version = client.maximum_version = version
    if curve:
        client.set_ecdh_curve(curve)
    try:
        with (
            socket.create_connection((HOST, port), 10) as connection,
            client.wrap_socket(connection, server_hostname="localhost") as secured,
        ):
            return secured.version(), secured.cipher()[0]
    except (ssl.SSLError, ConnectionError):
        return None


def test_the_newest_version_is_spoken_and_none_before_1_2(home, port):
    assert hello(home, port)[0] == "TLSv1.3"
    versions = (TLSVersion.TLSv1, TLSVersion.TLSv1_1, TLSVersion.TLSv1_2, TLSVersion.TLSv1_3)
    spoken = {version for version in versions if hello(home, port, version=version)}
    assert spoken == {TLSVersion.TLSv1_2, TLSVersion.TLSv1_3}


def test_no_suite_without_forward_secrecy_and_authentication(home, port):
    everything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    everything.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {suite["name"] for suite in everything.get_ciphers() if suite["protocol"] != "TLSv1.3"}
    assert len(names) > 50
    spoken = {name for name in names if hello(home, port, version=TLSVersion.TLSv1_2, suite=name)}
    assert {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"} <= spoken <= SUITES
    assert hello(home, port, version=TLSVersion.TLSv1_3)[1] in SUITES


def test_keys_are_agreed_on_over_the_profiles_curves(home, port, gateway):
    tried = CURVES | OTHER_CURVES
    spoken = {curve for curve in tried if hello(home, port, version=TLSVersion.TLSv1_3, curve=curve)}
    if port == gateway.https_port:
        assert spoken == {"prime256v1"}
    else:
        # gRPC's own library has the last one as well; nothing is known against it.
        assert spoken == CURVES | {"secp521r1"}


def test_neither_port_speaks_without_tls(port):
    for words in (
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)),
    ):
        with socket.create_connection((HOST, port), 10) as connection:
            connection.sendall(words)
            answer = b""
            try:
                while piece := connection.recv(4096):
                    answer += piece
            except ConnectionError:
                pass
        # At most TLS's own alert: a record of type 21.
        assert answer[:1] in {b"", b"\x15"}


@pytest.mark.parametrize("offered", [["http/1.1"], []])
def test_the_grpc_port_speaks_http_2_alone(home, gateway, offered):
    client = ssl.create_default_context(cafile=home.ca_file)
    if offered:
        client.set_alpn_protocols(offered)
    answer = b""
    with socket.create_connection((HOST, gateway.grpc_port), 10) as connection:
        try:
            with client.wrap_socket(connection, server_hostname="localhost") as secured:
                secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = secured.recv(4096)
        except (ssl.SSLError, ConnectionError):
            pass
    assert answer == b""


@pytest.mark.requirement("NFR2")
def test_sslyze_finds_nothing_against_the_profile(home, gateway, port):
    trust = f"--certinfo_ca_file={home.ca_file}"
    ended = run("sslyze", "--mozilla_config=intermediate", trust, f"localhost:{port}")
    verdict = ended.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    assert "ompliant" in verdict, ended.stdout + ended.stderr
    complaints = [line.strip() for line in verdict.splitlines() if line.strip().startswith("* ")]
    of_grpc = ["* tls_curves: TLS curves {'secp521r1'} are supported, but should be rejected."]
    assert complaints == (of_grpc if port == gateway.grpc_port else [])
