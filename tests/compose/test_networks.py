"""The model server is reached by the gateway and by nobody else, and reaches nobody."""

import json
import re
import socket
import subprocess

import pytest

from tests.compose.engine import docker
from tests.compose.stack import PROJECT
from tests.compose.test_images import IMAGES

STRANGERS = f"{PROJECT}_strangers"
CONNECT = (
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); print('connected')"
)


@pytest.fixture(scope="module")
def address(stack):
    """Of the model server, on its one network."""
    networks = stack.inspect("model-server")["NetworkSettings"]["Networks"]
    assert set(networks) == {f"{PROJECT}_models"}
    return networks[f"{PROJECT}_models"]["IPAddress"]


def connect(network, host, port=8500):
    """Whether a stranger on a network gets through."""
    command = ("--entrypoint", "python", IMAGES["gateway"], "-c", CONNECT, host, port)
    return docker("run", "--rm", "--network", network, *command, check=False)


def test_whoever_is_on_its_network_gets_through(address):
    """Or the next tests would show nothing."""
    for host in (address, "model-server"):
        assert connect(f"{PROJECT}_models", host).stdout == "connected\n"


@pytest.fixture(scope="module")
def strangers(stack):
    docker("network", "create", "--internal", STRANGERS)
    yield STRANGERS
    docker("network", "rm", STRANGERS)


@pytest.mark.parametrize("network", [STRANGERS, f"{PROJECT}_outside", "bridge"])
def test_from_another_network_it_is_not_reached(address, strangers, network):
    # What the engine forwards ends here: this machine has an address on the network of that address.
    ways = json.loads(subprocess.check_output(["ip", "-json", "route", "get", address], text=True))
    assert all(way["dev"].startswith("br-") for way in ways)
    for host in (address, "model-server"):
        refused = connect(network, host)
        assert refused.stdout == ""
        assert "Traceback" in refused.stderr


def test_it_is_published_nowhere(stack):
    assert not any(stack.inspect("model-server")["NetworkSettings"]["Ports"].values())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 8500)) != 0


def test_nothing_but_the_gateways_two_ports_is_published(stack):
    ports = stack.inspect("gateway")["NetworkSettings"]["Ports"]
    assert {port: {each["HostPort"] for each in at or ()} for port, at in ports.items()} == {
        "8443/tcp": {"443"},
        "8444/tcp": {"8444"},
    }


def test_the_model_server_gets_nowhere(stack):
    """Not to this machine by the way that the gateway has, and so to nothing beyond it."""
    outside = stack.inspect("gateway")["NetworkSettings"]["Networks"][f"{PROJECT}_outside"]["Gateway"]
    code = f"import socket; socket.create_connection(('{outside}', 443), 3)"
    assert re.search("TimeoutError|OSError", stack.run("model-server", "python", "-c", code, check=False))
    # The gateway does.
    assert stack.run("gateway", "python", "-c", code) == ""


def test_the_gateway_answers_its_metrics_to_nobody(stack):
    assert "9090/tcp" not in stack.inspect("gateway")["NetworkSettings"]["Ports"]
    assert connect(f"{PROJECT}_models", "gateway", 9090).stdout == ""
