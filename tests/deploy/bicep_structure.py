"""What Bicep's compiler would say of names, as far as can be told without it.

The compiler itself is in no registry of Python's or Node's packages. Properties and their types are for
Azure's models to check (test_azure_models.py).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.deploy.files import Document

VERSIONS = {
    "Microsoft.App/containerApps": "2024-03-01",
    "Microsoft.App/managedEnvironments": "2024-03-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.ContainerInstance/containerGroups": "2023-05-01",
    "Microsoft.ContainerRegistry/registries": "2023-07-01",
    "Microsoft.DBforPostgreSQL/flexibleServers": "2024-08-01",
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": "2024-08-01",
    "Microsoft.KeyVault/vaults": "2023-07-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2023-01-31",
    "Microsoft.Network/privateDnsZones": "2020-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2020-06-01",
    "Microsoft.Network/virtualNetworks": "2023-11-01",
    "Microsoft.Network/virtualNetworks/subnets": "2023-11-01",
    "Microsoft.OperationalInsights/workspaces": "2022-10-01",
}
"""The one version of each that is asked for."""

_EXPRESSION = re.compile(r"\$\{(.+?)\}")
_TEXT = re.compile(r"'[^']*'")
_NAME = re.compile(r"(?<![\w.:])[a-zA-Z_]\w*(?![\w(])")


def problems(file: Path, trees: dict[Path, Document]) -> Iterator[str]:
    """Of a file among others."""
    tree = trees[file]
    known = {name for kind in ("parameters", "variables", "resources", "modules") for name in tree[kind]}
    used = {name for expression in _expressions(tree) for name in _names(expression)}
    yield from (f"{name} is nowhere defined" for name in used - known)
    yield from (f"{name} is used nowhere" for name in tree["parameters"].keys() - used)
    for name, each in tree["resources"].items():
        if VERSIONS.get(each["type"]) != each["version"]:
            yield f"{name} is of {each['type']}@{each['version']}"
    for name, module in tree["modules"].items():
        target = (file.parent / module["path"]).resolve()
        if target not in trees:
            yield f"{name}: there is no {module['path']}"
            continue
        yield from _module_problems(name, module, trees[target], tree)


def _module_problems(name: str, module: Document, its: Document, ours: Document) -> Iterator[str]:
    given = module["config"]["params"]
    for parameter, about in its["parameters"].items():
        if about["is_required"] and parameter not in given:
            yield f"{name} is not given {parameter}"
        if about["is_secure"] != ("getSecret" in str(given.get(parameter))):
            yield f"{name}: {parameter} is a secret on one side alone"
    yield from (f"{name} takes no {parameter}" for parameter in given.keys() - its["parameters"].keys())
    for expression in _expressions(ours):
        for output in re.findall(rf"\b{name}\.outputs\.(\w+)", expression):
            if output not in its["outputs"]:
                yield f"{name} has no output {output}"


def _expressions(value: Any) -> Iterator[str]:
    """Whatever is worked out, in keys too."""
    if isinstance(value, str):
        yield from _EXPRESSION.findall(value)
    elif isinstance(value, list):
        for each in value:
            yield from _expressions(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _expressions(key)
            yield from _expressions(each)


def _names(expression: str) -> set[str]:
    # The second of two joined by :: is a resource within the first.
    return set(_NAME.findall(_TEXT.sub("''", expression)))
