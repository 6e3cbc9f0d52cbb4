"""Compose files, laid over one another, are what Docker Compose takes; models stay among themselves."""

import json

import pytest

from tests.deploy import files
from tests.deploy.tools import run

needs_compose_files = pytest.mark.skipif(not files.COMPOSE_FILES, reason="there are no compose files yet")
SMALL = files.DEPLOY.parent / "tests" / "deploy" / "compose.yaml"


def model_networks_with_a_way_out(composed):
    """Of those that model servers are in."""
    return [
        f"{service}: {network}"
        for service, each in composed["services"].items()
        if "gateway" not in each.get("image", "") and service.startswith("model-server")
        for network in each.get("networks") or {"default": None}
        if not composed["networks"].get(network, {}).get("internal")
    ]


@needs_compose_files
@pytest.mark.parametrize("file", files.COMPOSE_FILES, ids=lambda file: file.name)
def test_docker_compose_takes_it_and_models_stay_among_themselves(file):
    composed = files.composed(file)
    assert any(service.startswith("model-server") for service in composed["services"])
    assert model_networks_with_a_way_out(composed) == []


@needs_compose_files
@pytest.mark.parametrize("file", files.COMPOSE_FILES, ids=lambda file: file.name)
def test_files_that_it_names_are_there(file):
    composed = files.composed(file)
    named = [each["file"] for each in composed.get("configs", {}).values()]
    named += [
        f"{each['build']['context']}/{each['build']['dockerfile']}"
        for each in composed["services"].values()
        if "build" in each
    ]
    assert [name for name in named if not files.Path(name).exists()] == []


def test_a_way_out_is_found(tmp_path):
    composed = files.compose(SMALL)
    assert model_networks_with_a_way_out(composed) == []
    composed["networks"]["models"]["internal"] = False
    assert model_networks_with_a_way_out(composed) == ["model-server: models"]
    del composed["services"]["model-server"]["networks"]
    assert model_networks_with_a_way_out(composed) == ["model-server: default"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda gateway: gateway.update(capdrop=["ALL"]), "capdrop"),
        (lambda gateway: gateway.update(read_only="ja"), "read_only"),
        (lambda gateway: gateway.update(ports=["443:https"]), "https"),
        (lambda gateway: gateway.update(depends_on=["database"]), "database"),
        (lambda gateway: gateway.update(secrets=["pepper"]), "pepper"),
        (lambda gateway: gateway.update(networks=["inside"]), "inside"),
    ],
    ids=[
        "a key misspelled",
        "a word for a truth",
        "a port that is none",
        "a service there is none of",
        "a secret there is none of",
        "a network there is none of",
    ],
)
def test_what_docker_compose_does_not_take_is_found(tmp_path, change, said):
    document = json.loads(run("docker-compose", "--file", SMALL, "config", "--format=json").stdout)
    change(document["services"]["gateway"])
    file = tmp_path / "compose.yaml"
    file.write_text(json.dumps(document))
    refused = run("docker-compose", "--file", file, "config", "--quiet")
    assert refused.returncode != 0
    assert said in refused.stderr
