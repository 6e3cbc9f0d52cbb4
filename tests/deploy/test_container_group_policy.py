"""What must not be in a container group is found there, in Bicep and in YAML."""

import copy

import pytest

from tests.deploy import files, read_container_group
from tests.deploy.everything import GROUP, GROUP_MODULE
from tests.deploy.mistakes import Mistakes, named, set_environment
from tests.deploy.policy import broken

mistakes = Mistakes()


def group_gateway(group):
    return named(group["properties"]["containers"], "gateway")["properties"]


def group_models(group):
    return named(group["properties"]["containers"], "model-server")["properties"]


@mistakes.of("ports")
def wrong_port(group):
    group["properties"]["ipAddress"]["ports"][0]["port"] = 8080


@mistakes.of("ports")
def model_server_published(group):
    group["properties"]["ipAddress"]["ports"].append({"protocol": "TCP", "port": 8500})


@mistakes.of("ports")
def rest_of_the_model_server_published(group):
    group["properties"]["ipAddress"]["ports"].append({"protocol": "TCP", "port": 8501})


@mistakes.of("ports")
def probed_elsewhere(group):
    group_gateway(group)["readinessProbe"]["httpGet"]["port"] = 8080


@mistakes.of("no_plaintext_secret")
def password_in_the_url(group):
    set_environment(
        group_gateway(group)["environmentVariables"],
        "GATEWAY_DATABASE_URL",
        "postgresql://wattgate:word@db/wattgate",
    )


@mistakes.of("no_plaintext_secret")
def pepper_in_the_environment(group):
    set_environment(
        group_gateway(group)["environmentVariables"], "GATEWAY_PASSWORD_PEPPER", "0123456789abcdef" * 2
    )


@mistakes.of("secrets_are_mounted")
def secret_not_given(group):
    del named(group["properties"]["volumes"], "given")["secret"]["token-key"]


@mistakes.of("probes")
def no_readiness(group):
    del group_gateway(group)["readinessProbe"]


@mistakes.of("probes")
def model_server_not_probed(group):
    del group_models(group)["livenessProbe"]


@mistakes.of("no_privileges")
def privileged(group):
    group_models(group)["securityContext"]["privileged"] = True


@mistakes.of("no_privileges")
def escalation(group):
    del group_gateway(group)["securityContext"]["allowPrivilegeEscalation"]


@mistakes.of("no_capabilities")
def capabilities(group):
    del group_gateway(group)["securityContext"]["capabilities"]


@mistakes.of("limits")
def no_limits(group):
    del group_gateway(group)["resources"]["limits"]


@mistakes.of("user")
def root(group):
    group_gateway(group)["securityContext"]["runAsUser"] = 0


@mistakes.of("pinned_image")
def latest(group):
    group_models(group)["image"] = "tensorflow/serving:latest"


@mistakes.of("pinned_image")
def no_tag(group):
    group_gateway(group)["image"] = "${server}/wattgate-gateway"


@mistakes.of("known_settings")
def misspelled_setting(group):
    set_environment(group_gateway(group)["environmentVariables"], "GATEWAY_MODELSERVER", "127.0.0.1:8500")


@mistakes.of("model_servers")
def model_server_elsewhere(group):
    set_environment(group_gateway(group)["environmentVariables"], "GATEWAY_MODEL_SERVER", "127.0.0.1:8501")


@pytest.mark.parametrize("source", ["bicep", "yaml"])
@pytest.mark.parametrize(("change", "rule"), mistakes.all)
def test_a_mistake_in_a_container_group_is_found(source, change, rule):
    right = files.resource(GROUP_MODULE, GROUP) if source == "bicep" else files.container_group_yaml()
    group = copy.deepcopy(right)
    change(group)
    assert rule in dict(broken(read_container_group.containers(group, source)))
