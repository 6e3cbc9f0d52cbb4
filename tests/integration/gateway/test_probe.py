"""What a container's HEALTHCHECK asks says whether the gateway is ready, and trusts nobody else."""

import os
import subprocess
import sys

import pytest

from services.local.ports import free_port
from tests.integration.faults.gateways import Gateway


def probe(module, certificate, port):
    environment = {"GATEWAY_TLS_CERTIFICATE": str(certificate), "GATEWAY_HTTPS_PORT": str(port)}
    return subprocess.run(
        [sys.executable, "-m", module],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def port_of(running):
    return running.demo["https"].rpartition(":")[2]


def test_a_ready_gateway_is_well(running):
    asked = probe("services.gateway.probe", running.folder / "gateway.pem", port_of(running))
    assert (asked.returncode, asked.stderr) == (0, "")


def test_one_without_its_model_server_is_not(home, free_address):
    gateway = Gateway(home, [free_address])
    gateway.start()
    try:
        gateway.wait_for("/livez", 200)
        asked = probe("services.gateway.probe", home.certificate, gateway.https_port)
    finally:
        gateway.kill()
    assert (asked.returncode, asked.stderr) == (1, "/readyz answers 503\n")


def test_whoever_else_answers_there_is_not_believed(running, home):
    asked = probe("services.gateway.probe", home.certificate, port_of(running))
    assert asked.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in asked.stderr


def test_nobody_there_is_not_well(home):
    asked = probe("services.gateway.probe", home.certificate, free_port())
    assert asked.returncode == 1
    assert "ConnectionRefusedError" in asked.stderr


@pytest.fixture
def free_address():
    return f"127.0.0.1:{free_port()}"
