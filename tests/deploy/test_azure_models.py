"""Every resource that Bicep or YAML deploys is as Azure's own models describe it."""

import copy
import json

import pytest

from tests.deploy import files
from tests.deploy.everything import APP, APP_MODULE, GROUP, GROUP_MODULE
from tests.deploy.tools import answer


def problems(*resources):
    listed = [{"where": where, "type": kind, "config": config} for where, kind, config in resources]
    return answer("azure_models.py", text=json.dumps(listed))


def test_all_are():
    resources = [
        (f"{file.name} {name}", each["type"], each["config"])
        for file in files.BICEP
        for name, each in files.bicep(file)["resources"].items()
        if not each["is_there_already"]
    ]
    assert len(resources) > 12
    assert problems(*resources, (files.CONTAINER_GROUP.name, GROUP, files.container_group_yaml())) == []


def gateway(group):
    return group["properties"]["containers"][0]["properties"]


GROUP_MISTAKES = {
    "a property misspelled": (lambda group: gateway(group).update(enviromentVariables=[]), "is unknown"),
    "one that the SDK drops": (
        lambda group: gateway(group).update(enviromentVariables=[]),
        "another once the SDK has read and written it",
    ),
    "one of another place": (lambda group: group.update(containers=[]), "is unknown"),
    "no image": (lambda group: gateway(group).pop("image"), "image is missing"),
    "no resources": (lambda group: gateway(group).pop("resources"), "resources is missing"),
    "no system": (lambda group: group["properties"].pop("osType"), "osType is missing"),
    "a policy there is none of": (
        lambda group: group["properties"].update(restartPolicy="Sometimes"),
        "none of Always",
    ),
    "a scheme there is none of": (
        lambda group: gateway(group)["livenessProbe"]["httpGet"].update(scheme="ftp"),
        "none of http",
    ),
    "a port that is a word": (
        lambda group: gateway(group)["livenessProbe"]["httpGet"].update(port="https"),
        "is no int",
    ),
    "one that the SDK cannot read": (
        lambda group: group["properties"].update(volumes={}),
        "the SDK does not read it",
    ),
    "one volume instead of several": (lambda group: group["properties"].update(volumes={}), "is no list"),
}


@pytest.mark.parametrize("source", ["bicep", "yaml"])
@pytest.mark.parametrize("mistake", GROUP_MISTAKES)
def test_a_mistake_in_a_container_group_is_found(source, mistake):
    change, said = GROUP_MISTAKES[mistake]
    right = files.resource(GROUP_MODULE, GROUP) if source == "bicep" else files.container_group_yaml()
    group = copy.deepcopy(right)
    change(group)
    assert said in "\n".join(problems((source, GROUP, group)))


APP_MISTAKES = {
    "ingress of another kind": (
        lambda app: app["properties"]["configuration"]["ingress"].update(transport="grpc"),
        "none of auto, http, http2, tcp",
    ),
    "a probe that there is none of": (
        lambda app: app["properties"]["template"]["containers"][0]["probes"][0].update(exec={}),
        "exec is unknown",
    ),
    "a setting of Kubernetes": (
        lambda app: app["properties"]["template"]["containers"][0].update(securityContext={}),
        "securityContext is unknown",
    ),
    "replicas that are a word": (
        lambda app: app["properties"]["template"]["scale"].update(minReplicas="two"),
        "is no int",
    ),
    "no region": (lambda app: app.pop("location"), "location is missing"),
}


@pytest.mark.parametrize("mistake", APP_MISTAKES)
def test_a_mistake_in_a_container_app_is_found(mistake):
    change, said = APP_MISTAKES[mistake]
    app = copy.deepcopy(files.resource(APP_MODULE, APP))
    change(app)
    assert said in "\n".join(problems(("app", APP, app)))
