"""Ports, names, images, flags and settings are the same wherever they are written down."""

import os
import re
from collections import Counter

import pytest

from services.gateway.settings import Settings
from services.local.certificates import ensure_certificates
from services.serving import flags
from tests.data import REPOSITORY
from tests.deploy import files, read_kubernetes
from tests.deploy.azure import SECRETS as SCRIPT_SECRETS
from tests.deploy.containers import GATEWAY, MODEL_SERVER
from tests.deploy.everything import APP, APP_MODULE, APPS, PLATFORMS, app_ports
from tests.deploy.policy import SECRETS, USER
from tests.deploy.read_kubernetes import of_kind
from wattgate import __version__

HTTPS, GRPC = (Settings.model_fields[name].default for name in ("https_port", "grpc_port"))
MODEL_SERVER_PORT = int(Settings.model_fields["model_server"].default.partition(":")[2])
GIVEN = {"tls-certificate", "tls-key", "token-key", "password-pepper", "database-url"}
"""The secrets, by the names that vaults and volumes have them by."""

present = pytest.mark.parametrize(
    "platform",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == "compose" and not files.COMPOSE_FILES, reason="there are no compose files yet"
            ),
        )
        for name in PLATFORMS
    ],
)


def of_role(platform, role):
    found = [container for container in PLATFORMS[platform]() if container.role == role]
    assert found
    return found


@present
def test_a_gateway_would_start_with_what_it_is_told(platform, tmp_path, monkeypatch):
    """All of it is read by the settings' own class, with files where the secrets are."""
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    ensure_certificates(tmp_path / "ca.pem", certificate, key)
    database_url = tmp_path / "database-url"
    database_url.write_text("postgresql://wattgate@database/wattgate\n")
    database_url.chmod(0o440)
    for container in of_role(platform, GATEWAY):
        with monkeypatch.context() as patched:
            for name, value in container.environment.items():
                if name.startswith("GATEWAY_"):
                    is_file = value.startswith(f"{SECRETS}/")
                    file = database_url if name == "GATEWAY_DATABASE_URL_FILE" else key
                    patched.setenv(name, str(file) if is_file else value)
            settings = Settings()
        assert (settings.https_port, settings.grpc_port) == (HTTPS, GRPC)
        assert settings.database_url
        assert settings.password_pepper, container.where


@present
def test_a_gateway_is_called_on_its_two_ports(platform):
    published = [container.published for container in of_role(platform, GATEWAY)]
    assert frozenset().union(*published) == {HTTPS, GRPC}


@present
def test_images_are_the_same_and_run_as_the_same_user(platform):
    containers = [*of_role(platform, GATEWAY), *of_role(platform, MODEL_SERVER)]
    assert {container.user for container in containers} <= {USER, None}
    stock = {"wattgate-gateway", "wattgate-tensorflow-serving"}
    names = {container.image_name for container in containers}
    assert names == stock or platform == "compose"
    assert names >= stock


def test_one_version_of_all_images_is_deployed():
    tags = {
        container.image.rpartition(":")[2]
        for container in PLATFORMS["kubernetes"]()
        if container.role in {GATEWAY, MODEL_SERVER}
    }
    assert tags == {__version__}


@present
def test_model_servers_listen_where_gateways_look(platform):
    for gateway in of_role(platform, GATEWAY):
        if gateway.environment.get("GATEWAY_ENGINE", "tfserving") == "tfserving":
            named = gateway.environment["GATEWAY_MODEL_SERVER"].split(",")
            assert {int(target.rpartition(":")[2]) for target in named} == {MODEL_SERVER_PORT}


def test_the_stock_server_is_told_the_same_port():
    lines = (REPOSITORY / "services" / "serving" / "config" / "server.flags").read_text().split()
    assert flags.parse(lines).port == MODEL_SERVER_PORT


def test_flags_in_kubernetes_add_to_those_in_the_image_and_take_none_away():
    lines = (REPOSITORY / "services" / "serving" / "config" / "server.flags").read_text().split()
    (servers,) = (
        each["spec"]["template"]["spec"]["containers"]
        for each in of_kind(files.manifests("base"), "Deployment")
        if each["metadata"]["name"] == "model-server"
    )
    in_image, with_arguments = flags.parse(lines), flags.parse([*lines, *servers[0]["args"]])
    assert with_arguments.unknown == ()
    assert with_arguments.grpc_channel_arguments.items() > in_image.grpc_channel_arguments.items()


def test_the_secrets_are_the_same_in_azure_wherever_they_are_named():
    group = files.container_group_yaml()["properties"]
    app = files.resource(APP_MODULE, APP)["properties"]
    (vault,) = of_kind(files.manifests("overlays/aks"), "SecretProviderClass")
    objects = re.findall(r"objectName: (\S+)", vault["spec"]["parameters"]["objects"])
    handed_over = re.findall(r"getSecret\('([\w-]+)'\)", (files.AZURE / "main.bicep").read_text())
    assert set(group["volumes"][0]["secret"]) == GIVEN
    assert {each["name"] for each in app["configuration"]["secrets"]} == GIVEN
    assert {each["secretRef"] for each in app["template"]["volumes"][0]["secrets"]} == GIVEN
    assert set(objects) == {each["key"] for each in vault["spec"]["secretObjects"][0]["data"]} == GIVEN
    assert Counter(handed_over) == Counter(GIVEN)
    assert set(SCRIPT_SECRETS) == GIVEN | {"database-password"}
    assert set(re.findall(r"getSecret\('([\w-]+)'\)", APPS.read_text())) == {"database-password"}


@pytest.mark.parametrize("platform", ["container groups", "container apps", "kubernetes"])
def test_gateways_in_azure_are_told_the_same_files(platform):
    for gateway in of_role(platform, GATEWAY):
        named = {value for value in gateway.environment.values() if value.startswith(f"{SECRETS}/")}
        assert named == {f"{SECRETS}/{name}" for name in GIVEN}
        assert gateway.secrets == GIVEN


def test_apps_are_told_how_many_they_may_be_together():
    gateways = [each for each in PLATFORMS["container apps"]() if each.role == GATEWAY]
    assert sorted(app_ports().values()) == [HTTPS, GRPC]
    together = sum(gateway.most_replicas for gateway in gateways)
    assert {gateway.environment["GATEWAY_REPLICAS"] for gateway in gateways} == {str(together)}


def test_gateways_in_kubernetes_are_told_how_many_they_may_be():
    (gateway,) = (
        each
        for each in read_kubernetes.containers(files.manifests("overlays/aks"), "aks")
        if each.role == GATEWAY
    )
    assert gateway.environment["GATEWAY_REPLICAS"] == str(gateway.most_replicas)


def test_no_more_is_asked_of_a_model_server_than_it_computes_at_a_time():
    """TensorFlow Serving computes four for each processor."""
    group = {
        each["name"]: each["properties"] for each in files.container_group_yaml()["properties"]["containers"]
    }
    app = {
        each["name"]: each for each in files.resource(APP_MODULE, APP)["properties"]["template"]["containers"]
    }
    told = {
        "group": {each["name"]: each["value"] for each in group["gateway"]["environmentVariables"]},
        "app": {each["name"]: each["value"] for each in app["gateway"]["env"]},
    }
    assert (
        int(told["group"]["GATEWAY_MAX_IN_FLIGHT"]) == 4 * group["model-server"]["resources"]["limits"]["cpu"]
    )
    assert int(told["app"]["GATEWAY_MAX_IN_FLIGHT"]) == 4 * app["model-server"]["resources"]["cpu"]


@present
def test_metrics_are_where_they_are_looked_for(platform):
    ports = {
        each.environment["GATEWAY_METRICS_PORT"]
        for each in of_role(platform, GATEWAY)
        if "GATEWAY_METRICS_PORT" in each.environment
    }
    assert ports <= {"9090"}


def test_kubernetes_has_the_metrics_port_that_the_gateway_is_told():
    manifests = files.manifests("overlays/aks")
    settings = of_kind(manifests, "ConfigMap")[0]["data"]
    container = of_kind(manifests, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    (monitor,) = of_kind(manifests, "PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    assert str(ports["metrics"]) == settings["GATEWAY_METRICS_PORT"]


def test_no_file_says_another_port_of_ours():
    """8080 for 8443, 8501 where there is no REST: whatever looks like one of ours is one."""
    said = {
        int(port)
        for file, text in files.texts().items()
        if file.suffix in {".bicep", ".yaml", ".sh", ".env"} and "observe" not in file.parts
        for port in re.findall(r"(?<![\w.:-])(8\d{3})\b", text)
    }
    assert said <= {HTTPS, GRPC, MODEL_SERVER_PORT, 8001}
