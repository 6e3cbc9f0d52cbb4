"""What must not be in a container app is found there."""

import copy

import pytest

from tests.deploy import files, read_container_app
from tests.deploy.everything import APP, APP_MODULE
from tests.deploy.mistakes import Mistakes, named, set_environment
from tests.deploy.policy import broken

mistakes = Mistakes()


def app_gateway(app):
    return named(app["properties"]["template"]["containers"], "gateway")


@mistakes.of("ports")
def app_on_a_wrong_port(app):
    app["properties"]["configuration"]["ingress"]["targetPort"] = 8080


@mistakes.of("ports")
def app_publishes_models(app):
    app["properties"]["configuration"]["ingress"]["additionalPortMappings"] = [
        {"external": True, "targetPort": 8500}
    ]


@mistakes.of("no_plaintext_secret")
def app_secret(app):
    set_environment(app_gateway(app)["env"], "GATEWAY_TOKEN_KEY", "-----BEGIN PRIVATE KEY-----")


@mistakes.of("probes")
def app_without_readiness(app):
    app_gateway(app)["probes"] = [each for each in app_gateway(app)["probes"] if each["type"] != "Readiness"]


@mistakes.of("limits")
def app_without_limits(app):
    del app_gateway(app)["resources"]


@mistakes.of("pinned_image")
def app_of_the_latest(app):
    app_gateway(app)["image"] = "${server}/wattgate-gateway:latest"


@mistakes.of("users_are_shared")
def app_not_told_of_others(app):
    app_gateway(app)["env"] = [each for each in app_gateway(app)["env"] if each["name"] != "GATEWAY_REPLICAS"]


@mistakes.of("users_are_shared")
def app_on_sqlite(app):
    set_environment(app_gateway(app)["env"], "GATEWAY_DATABASE_URL", "sqlite:////tmp/users.db")


@mistakes.of("secrets_are_mounted")
def app_secret_not_given(app):
    volume = named(app["properties"]["template"]["volumes"], "given")
    volume["secrets"] = volume["secrets"][1:]


@pytest.mark.parametrize(("change", "rule"), mistakes.all)
def test_a_mistake_in_a_container_app_is_found(change, rule):
    app = copy.deepcopy(files.resource(APP_MODULE, APP))
    change(app)
    assert rule in dict(broken(read_container_app.containers(app, "app", 8443)))
