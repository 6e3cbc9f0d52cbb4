"""Containers of an Azure container group, from Bicep or YAML: both have the same properties."""

from typing import Any

from tests.deploy.containers import Container, shared


def containers(group: dict[str, Any], where: str) -> list[Container]:
    properties = group["properties"]
    outside = {each["port"] for each in properties.get("ipAddress", {}).get("ports", [])}
    secrets = _secrets(properties)
    return [
        _container(each, f"{where}: {each['name']}", outside, secrets, runs_to_the_end=is_first)
        for kind, is_first in (("initContainers", True), ("containers", False))
        for each in properties.get(kind, [])
    ]


def _container(
    named: dict[str, Any], where: str, outside: set[int], secrets: set[str], *, runs_to_the_end: bool
) -> Container:
    said = named["properties"]
    security = said.get("securityContext", {})
    probes = {kind: said[f"{kind}Probe"] for kind in ("liveness", "readiness") if f"{kind}Probe" in said}
    limits = said.get("resources", {}).get("limits", {})
    mounts = {each["mountPath"] for each in said.get("volumeMounts", [])}
    return Container(
        where=where,
        image=said["image"],
        user=f"{security['runAsUser']}:{security['runAsGroup']}" if "runAsUser" in security else None,
        environment={each["name"]: each.get("value", "") for each in said.get("environmentVariables", [])},
        published=shared(outside, said["image"]),
        probes=frozenset(probes),
        probe_ports=frozenset(each["httpGet"]["port"] for each in probes.values() if "httpGet" in each),
        has_limits={"cpu", "memoryInGB"} <= limits.keys(),
        is_privileged=security.get("privileged", False),
        may_escalate=security.get("allowPrivilegeEscalation", True),
        drops_capabilities=security.get("capabilities", {}).get("drop") == ["ALL"],
        secrets=frozenset(secrets if "/run/secrets" in mounts else ()),
        runs_to_the_end=runs_to_the_end,
    )


def _secrets(properties: dict[str, Any]) -> set[str]:
    volumes = (each for each in properties.get("volumes", []) if "secret" in each)
    return {name for volume in volumes for name in volume["secret"]}
