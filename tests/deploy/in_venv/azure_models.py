"""What Azure's own models have to say of resources: a line for each property unknown, missing or wrong.

Reads [{"where", "type", "config"}] as JSON on standard input, answers a list of lines. A container group has
to be the same, too, after the SDK has read and written it.
"""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

MODELS = {
    "Microsoft.App/containerApps": ("appcontainers", "ContainerApp"),
    "Microsoft.App/managedEnvironments": ("appcontainers", "ManagedEnvironment"),
    "Microsoft.Authorization/roleAssignments": (
        "authorization.v2022_04_01",
        "RoleAssignmentCreateParameters",
    ),
    "Microsoft.ContainerInstance/containerGroups": ("containerinstance", "ContainerGroup"),
    "Microsoft.ContainerRegistry/registries": ("containerregistry", "Registry"),
    "Microsoft.DBforPostgreSQL/flexibleServers": ("postgresqlflexibleservers", "Server"),
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": ("postgresqlflexibleservers", "Database"),
    "Microsoft.KeyVault/vaults": ("keyvault", "VaultCreateOrUpdateParameters"),
    "Microsoft.Network/privateDnsZones": ("privatedns", "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("privatedns", "VirtualNetworkLink"),
    "Microsoft.Network/virtualNetworks": ("network", "VirtualNetwork"),
    "Microsoft.OperationalInsights/workspaces": ("loganalytics", "Workspace"),
}
BARE = {"Microsoft.ManagedIdentity/userAssignedIdentities"}
"""Those of which there is nothing to say but where they are."""

ENVELOPE = {"name", "type", "apiVersion", "parent", "scope", "dependsOn"}
"""What a template says around what is sent."""

SCALARS = {"str": str, "int": int, "float": (int, float), "bool": bool}
CONTAINER_GROUP = MODELS["Microsoft.ContainerInstance/containerGroups"]


def problems(resource: dict[str, Any]) -> Iterator[str]:
    """Of one resource."""
    where, kind = resource["where"], resource["type"]
    config = {name: value for name, value in resource["config"].items() if name not in ENVELOPE}
    if kind in BARE:
        yield from (f"{where}: {name} is unknown" for name in config.keys() - {"location"})
        return
    if kind not in MODELS:
        yield f"{where}: there is no model of {kind}"
        return
    package, name = MODELS[kind]
    models = importlib.import_module(f"azure.mgmt.{package}.models")
    yield from _Models(models).problems(name, config, where)
    if (package, name) == CONTAINER_GROUP:
        try:
            again = models.ContainerGroup.deserialize(config).serialize(keep_readonly=True)
        except ValueError as error:
            yield f"{where}: the SDK does not read it: {error}"
        else:
            if again != config:
                yield f"{where}: it is another once the SDK has read and written it"


class _Models:
    def __init__(self, models: Any) -> None:
        self._models = models

    def problems(self, name: str, value: Any, where: str) -> Iterator[str]:
        """Of a value that a model is said to describe."""
        if _is_expression(value):
            return
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no {name}"
            return
        fields = dict(_fields(getattr(self._models, name)))
        yield from self._known(fields, value, where)
        for key in value.keys() - _at_this_level(fields).keys():
            below = {path[1:]: field for path, field in fields.items() if path[0] == key and len(path) > 1}
            if not below:
                yield f"{where}: {key} is unknown"
                continue
            yield from self._flattened(below, value[key], f"{where}.{key}")
        for group in {path[0] for path, field in fields.items() if len(path) > 1 and field[1]} - value.keys():
            yield f"{where}: {group} is missing"

    def _flattened(self, fields: dict[tuple[str, ...], Any], value: Any, where: str) -> Iterator[str]:
        """Older models have the fields of `properties` as their own."""
        for key in value.keys() - _at_this_level(fields).keys():
            yield f"{where}: {key} is unknown"
        yield from self._known(fields, value, where)

    def _known(self, fields: dict[tuple[str, ...], Any], value: Any, where: str) -> Iterator[str]:
        """Of those of its fields that are not below another."""
        for key, (annotation, is_required, is_read_only) in _at_this_level(fields).items():
            if key not in value:
                if is_required:
                    yield f"{where}: {key} is missing"
            elif is_read_only:
                yield f"{where}: {key} is not ours to say"
            else:
                yield from self._annotated(annotation, value[key], f"{where}.{key}")

    def _annotated(self, annotation: str, value: Any, where: str) -> Iterator[str]:
        """Of a value by its annotation: Optional[list["_models.Secret"]] and the like."""
        if _is_expression(value):
            return
        named = re.findall(r"_models\.(\w+)", annotation)
        model = getattr(self._models, named[0]) if named else None
        of_many = re.search(r"\b(list|List|dict|Dict|MutableMapping)\[", annotation)
        if of_many:
            is_list = of_many[1].lower() == "list"
            if not isinstance(value, list if is_list else dict):
                yield f"{where}: {value!r} is no {'list' if is_list else 'object'}"
                return
            inner = annotation[of_many.end() :].split(",", not is_list)[-1]
            for key, each in enumerate(value) if is_list else value.items():
                yield from self._annotated(inner, each, f"{where}[{key}]")
        elif model is None:
            # Any: anything.
            scalar = re.search(r"\b(str|int|float|bool)\b", annotation)
            expected = SCALARS[scalar[1]] if scalar else object
            if not isinstance(value, expected) or (
                isinstance(value, bool) and scalar and scalar[1] != "bool"
            ):
                yield f"{where}: {value!r} is no {scalar[1] if scalar else annotation}"
        elif issubclass(model, Enum):
            if value not in {each.value for each in model}:
                yield f"{where}: {value!r} is none of {', '.join(each.value for each in model)}"
        else:
            yield from self.problems(named[0], value, where)


def _fields(model: Any) -> Iterator[tuple[tuple[str, ...], tuple[str, bool, bool]]]:
    """Each property's path, annotation, whether it must be there and whether it is the service's to say."""
    if hasattr(model, "_attribute_map"):
        annotations = model.__init__.__annotations__
        for name, about in model._attribute_map.items():
            rules = model._validation.get(name, {})
            path = tuple(re.split(r"(?<!\\)\.", about["key"]))
            annotation = str(annotations.get(name, about["type"]))
            # Where the constructor has none, the map has it in the SDK's own words: [Container], {str}.
            if name not in annotations:
                annotation = annotation.replace("[", "list[").replace("{", "dict[str, ").replace("}", "]")
            yield path, (annotation, rules.get("required", False), rules.get("readonly", False))
        return
    model.__new__(model)  # works out its fields
    for each in reversed(model.__mro__):
        for name, annotation in getattr(each, "__annotations__", {}).items():
            field = model._attr_to_rest_field.get(name)
            if field is not None:
                is_read_only = field._visibility == ["read"]
                is_optional = "Optional[" in str(annotation) or "NoneType" in str(annotation)
                is_required = not is_optional and not is_read_only
                yield (field._rest_name,), (str(annotation), is_required, is_read_only)


def _at_this_level(fields: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    return {path[0]: field for path, field in fields.items() if len(path) == 1}


def _is_expression(value: Any) -> bool:
    """What is known once it is deployed."""
    return isinstance(value, str) and value.startswith("${") and value.endswith("}")


if __name__ == "__main__":
    json.dump([line for each in json.load(sys.stdin) for line in problems(each)], sys.stdout)
