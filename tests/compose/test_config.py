"""Every combination of overlays is one that Compose takes, with nothing published but what is meant to be."""

import json
from itertools import product

import pytest

from tests.compose.engine import docker
from tests.compose.stack import files

SERVERS = {
    (): "tensorflow-serving",
    ("embedded",): "model-server",
    ("triton",): "triton",
    ("bentoml",): "bentoml",
}
COMBINATIONS = [
    (*server, *scale, *observe)
    for server, scale, observe in product(SERVERS, [(), ("scale",)], [(), ("observe",)])
    # Triton and BentoML are there to compare with, one each.
    if not (scale and server in {("triton",), ("bentoml",)})
]
LIMITS = ("cpus", "memory", "pids")


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda overlays: "+".join(overlays) or "base")
def overlays(request):
    return request.param


@pytest.fixture(scope="module")
def config(docker_runs, overlays):
    return json.loads(docker("compose", *files(overlays), "config", "--format", "json").stdout)


def published(service):
    return {(port.get("host_ip", ""), port["published"], port["target"]) for port in service.get("ports", ())}


def test_nothing_is_published_but_the_gateways_and_the_dashboard(config, overlays):
    wanted = {"gateway": {("", "443", 8443), ("", "8444", 8444)}}
    if "scale" in overlays:
        wanted["gateway-2"] = {("", "9443", 8443), ("", "9444", 8444)}
    if "observe" in overlays:
        wanted["grafana"] = {("127.0.0.1", "3000", 3000)}
    found = {name: published(service) for name, service in config["services"].items()}
    assert {name: ports for name, ports in found.items() if ports} == wanted


def test_model_servers_and_databases_are_on_networks_without_a_way_out(config):
    internal = {name for name, network in config["networks"].items() if network.get("internal")}
    for name, service in config["services"].items():
        if name.startswith(("model-server", "database", "prometheus")):
            assert set(service["networks"]) <= internal, name


def test_every_service_is_held_to_little(config):
    for name, service in config["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert not service.get("privileged"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["user"].split(":")[0]) > 0, name
        assert all(service["deploy"]["resources"]["limits"].get(limit) for limit in LIMITS), name
        assert service["restart"] == "unless-stopped", name


def test_the_images_are_ours_where_they_should_be(config, overlays):
    kind = next(
        kind for server, kind in SERVERS.items() if set(server) == set(overlays) & set(sum(SERVERS, ()))
    )
    for name, service in config["services"].items():
        if name.startswith(("gateway", "model-server")):
            image = "gateway" if name.startswith("gateway") else kind
            assert service["image"] == f"wattgate-{image}:local", name
            assert service["build"]["args" if kind == "gateway" else "dockerfile"], name


def test_what_waits_for_what(config, overlays):
    for name, service in config["services"].items():
        if name.startswith("gateway"):
            servers = {each for each in config["services"] if each.startswith(("model-server", "database"))}
            assert set(service["depends_on"]) == servers
            assert {each["condition"] for each in service["depends_on"].values()} == {"service_healthy"}


def test_no_secret_is_a_variable(config):
    for name, service in config["services"].items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD_", "KEY", "PEPPER", "CERTIFICATE")):
                assert value in {"true", "false"} or value.startswith("/run/secrets/"), (name, variable)
    assert all(set(secret) == {"name", "file"} for secret in config["secrets"].values())


def test_two_gateways_share_one_database(config, overlays):
    if "scale" not in overlays:
        assert config["services"]["gateway"]["environment"]["GATEWAY_DATABASE_URL"].startswith("sqlite:")
        return
    one, other = (config["services"][name] for name in ("gateway", "gateway-2"))
    assert one["environment"] == other["environment"]
    assert one["environment"]["GATEWAY_DATABASE_URL"].startswith("postgresql://wattgate@database/")
    assert len(one["environment"]["GATEWAY_MODEL_SERVER"].split(",")) == 3
    assert one["secrets"] == other["secrets"]
    assert not one.get("volumes")
    assert not other.get("volumes")
