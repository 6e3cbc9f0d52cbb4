"""Secrets are in files of the container alone: in no variable, no image, nothing that the engine tells."""

import subprocess

import pytest

from tests.compose.engine import docker
from tests.compose.stack import PASSWORD
from tests.compose.test_images import IMAGES

FILES = ("tls_key.pem", "token_key.pem", "password_pepper", "database_password", "grafana_password")


@pytest.fixture(scope="module")
def secrets(stack):
    """A line of each that nothing else has."""
    return [max((stack.secrets / name).read_text().splitlines(), key=len) for name in FILES] + [PASSWORD]


def found(secrets, text):
    return [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("service", ["gateway", "model-server"])
def test_no_variable_and_no_argument_has_one(stack, secrets, service):
    told = stack.run(service, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
    assert "PATH=" in told
    assert found(secrets, told) == []


@pytest.mark.parametrize("service", ["gateway", "model-server"])
def test_the_engine_tells_none(stack, secrets, service):
    assert found(secrets, docker("inspect", stack.id(service)).stdout) == []
    assert found(secrets, docker("logs", stack.id(service)).stdout) == []
    assert found(secrets, docker("logs", stack.id(service)).stderr) == []


@pytest.mark.parametrize("image", IMAGES.values())
def test_no_image_tells_one(stack, secrets, image):
    assert found(secrets, docker("image", "inspect", image).stdout) == []
    assert found(secrets, docker("history", "--no-trunc", image).stdout) == []


def test_no_layer_of_the_gateways_image_has_one(stack, secrets):
    patterns = [word for secret in secrets for word in ("-e", secret)]
    with subprocess.Popen(["docker", "save", IMAGES["gateway"]], stdout=subprocess.PIPE) as saved:
        looked = subprocess.run(
            ["grep", "--text", "--fixed-strings", "--count", *patterns],
            stdin=saved.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    assert looked.stdout.strip() == "0"


def test_the_model_server_is_given_none(stack):
    assert "No such file" in stack.run("model-server", "ls", "/run/secrets", check=False)


def test_the_gateway_is_given_its_own_alone(stack):
    given = stack.run("gateway", "ls", "/run/secrets").split()
    assert given == ["password_pepper", "tls_certificate", "tls_key", "token_key"]
