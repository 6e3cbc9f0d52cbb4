"""Bicep files can be read, their names hold together, and the container group is the one that YAML has."""

import copy
import json
import re

import pytest

from tests.deploy import files
from tests.deploy.bicep_structure import problems
from tests.deploy.everything import APP_MODULE, APPS, GROUP, GROUP_MODULE
from tests.deploy.tools import IN_VENV, run

MAIN = files.AZURE / "main.bicep"


@pytest.fixture
def trees():
    return {file: copy.deepcopy(files.bicep(file)) for file in files.BICEP}


def relative(file):
    return str(file.relative_to(files.AZURE))


@pytest.mark.parametrize("file", files.BICEP, ids=relative)
def test_its_names_hold_together(trees, file):
    assert list(problems(file, trees)) == []


def test_every_file_is_used(trees):
    modules = {
        (file.parent / module["path"]).resolve()
        for file, tree in trees.items()
        for module in tree["modules"].values()
    }
    script = (files.AZURE / "deploy.sh").read_text()
    assert {file for file in files.BICEP if file not in modules} == {
        file for file in files.BICEP if f"/{file.name}" in script
    }


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (MAIN, lambda tree: tree["modules"]["group"]["config"]["params"].pop("tag"), "is not given tag"),
        (
            MAIN,
            lambda tree: tree["modules"]["group"]["config"]["params"].update(tags="1"),
            "group takes no tags",
        ),
        (
            MAIN,
            lambda tree: tree["modules"]["group"]["config"]["params"].update(tlsKey="plain"),
            "tlsKey is a secret on one side alone",
        ),
        (MAIN, lambda tree: tree["outputs"].update(host="${group.outputs.fqdn}"), "has no output fqdn"),
        (MAIN, lambda tree: tree["modules"]["group"].update(path="modules/none.bicep"), "there is no"),
        (APPS, lambda tree: tree["parameters"].pop("vault"), "vault is nowhere defined"),
        (
            GROUP_MODULE,
            lambda tree: tree["parameters"]["tokenKey"].update(is_secure=False),
            "tokenKey is a secret on one side alone",
        ),
        (
            APP_MODULE,
            lambda tree: tree["resources"]["app"].update(version="2099-01-01"),
            "Microsoft.App/containerApps@2099-01-01",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_that_does_not_hold_is_found(trees, file, change, said):
    change(trees[file])
    assert said in "\n".join(line for each in files.BICEP for line in problems(each, trees))


@pytest.mark.parametrize(
    "text",
    [
        "param name\n",
        "resource group 'Microsoft.Resources/resourceGroups@2023-07-01' = {\n  name: \n}\n",
        "resource group 'Microsoft.Resources/resourceGroups@2023-07-01' = {\n  name: 'a'\n",
        "modul group 'group.bicep' = {}\n",
    ],
)
def test_what_is_no_bicep_is_refused(tmp_path, text):
    file = tmp_path / "wrong.bicep"
    file.write_text(text)
    assert run("python", IN_VENV / "read_files.py", file).returncode != 0


PLACES = {
    "${NAME}": "${name}",
    "${LOCATION}": "${location}",
    "${IDENTITY}": "${identity}",
    "${SERVER}": "${server}",
    "${TAG}": "${tag}",
    "${LABEL}": "${label}",
    "${TLS_CERTIFICATE}": "${base64(tlsCertificate)}",
    "${TLS_KEY}": "${base64(tlsKey)}",
    "${TOKEN_KEY}": "${base64(tokenKey)}",
    "${PASSWORD_PEPPER}": "${base64(passwordPepper)}",
    "${DATABASE_URL}": "${base64(databaseUrl)}",
}
"""Of the YAML file, as the module has them."""


def test_the_group_of_yaml_is_that_of_bicep():
    filled = json.dumps(files.container_group_yaml())
    assert set(re.findall(r"\$\{\w+\}", filled)) == PLACES.keys()
    for place, expression in PLACES.items():
        filled = filled.replace(place, expression)
    group = json.loads(filled)
    kind = f"{group.pop('type')}@{group.pop('apiVersion')}"
    (module,) = files.bicep(GROUP_MODULE)["resources"].values()
    assert kind == f"{module['type']}@{module['version']}" == f"{GROUP}@2023-05-01"
    assert group == module["config"]


def test_whatever_a_group_lets_in_somebody_in_it_listens_on():
    properties = files.container_group_yaml()["properties"]
    listening = [port for each in properties["containers"] for port in each["properties"].get("ports", [])]
    assert properties["ipAddress"]["ports"] == listening


def test_a_group_fits_into_what_azure_takes():
    requests = [
        each["properties"]["resources"]["requests"]
        for each in files.container_group_yaml()["properties"]["containers"]
    ]
    assert 1 <= sum(each["cpu"] for each in requests) <= 4
    assert 1 <= sum(each["memoryInGB"] for each in requests) <= 16
