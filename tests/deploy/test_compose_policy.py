"""What must not be in a compose file is found there, as Docker Compose itself reads it."""

import copy
import json
from pathlib import Path

import pytest

from tests.deploy import files, read_compose
from tests.deploy.mistakes import Mistakes
from tests.deploy.policy import broken
from tests.deploy.tools import answer

mistakes = Mistakes()

SMALL = Path(__file__).parent / "compose.yaml"


def compose_gateway(document):
    return document["services"]["gateway"]


def compose_models(document):
    return document["services"]["model-server"]


@mistakes.of("ports")
def composed_on_a_wrong_port(document):
    compose_gateway(document)["ports"] = ["443:8080"]


@mistakes.of("ports")
def models_on_this_machine(document):
    compose_models(document)["ports"] = ["127.0.0.1:8500:8500"]


@mistakes.of("ports")
def models_on_the_network_of_this_machine(document):
    del compose_models(document)["networks"]
    compose_models(document)["network_mode"] = "host"


@mistakes.of("no_plaintext_secret")
def composed_secret(document):
    compose_gateway(document)["environment"]["GATEWAY_PASSWORD_PEPPER"] = "0123456789abcdef" * 2


@mistakes.of("secrets_are_mounted")
def composed_secret_not_given(document):
    compose_gateway(document)["secrets"].remove("token_key")


@mistakes.of("probes")
def health_check_off(document):
    compose_models(document)["healthcheck"] = {"disable": True}


@mistakes.of("no_privileges")
def composed_privileged(document):
    compose_models(document)["privileged"] = True


@mistakes.of("no_privileges")
def new_privileges(document):
    del compose_gateway(document)["security_opt"]


@mistakes.of("no_capabilities")
def composed_capabilities(document):
    del compose_gateway(document)["cap_drop"]


@mistakes.of("read_only_root")
def composed_writable_root(document):
    del compose_models(document)["read_only"]


@mistakes.of("limits")
def no_limit_of_processes(document):
    del compose_gateway(document)["deploy"]["resources"]["limits"]["pids"]


@mistakes.of("user")
def composed_root(document):
    compose_gateway(document)["user"] = "0:0"


@mistakes.of("pinned_image")
def composed_latest(document):
    compose_models(document)["image"] = "tensorflow/serving"


@mistakes.of("users_are_shared")
def second_gateway_on_sqlite(document):
    document["services"]["gateway-2"] = copy.deepcopy(compose_gateway(document))
    for name in ("gateway", "gateway-2"):
        document["services"][name]["environment"]["GATEWAY_REPLICAS"] = "2"


@mistakes.of("users_are_shared")
def scaled_gateway(document):
    compose_gateway(document)["deploy"]["replicas"] = 3


@mistakes.of("known_settings")
def composed_unknown_setting(document):
    compose_gateway(document)["environment"]["GATEWAY_PORT"] = "8443"


@pytest.fixture
def small():
    return answer("read_files.py", SMALL)[str(SMALL)][0]


def composed(document, folder):
    file = folder / "compose.yaml"
    file.write_text(json.dumps(document))
    return read_compose.containers(files.compose(file), "compose.yaml")


def test_the_small_compose_file_is_right(small, tmp_path):
    assert list(broken(composed(small, tmp_path))) == []


@pytest.mark.parametrize(("change", "rule"), mistakes.all)
def test_a_mistake_in_a_compose_file_is_found(small, tmp_path, change, rule):
    change(small)
    assert rule in dict(broken(composed(small, tmp_path)))
