"""Containers of an Azure container app."""

from typing import Any

from tests.deploy.containers import Container, shared

_PLACEHOLDER = "${port}"


def containers(app: dict[str, Any], where: str, port: int) -> list[Container]:
    """Of the app that is made with a port."""
    template, ingress = app["properties"]["template"], app["properties"]["configuration"]["ingress"]
    target = port if ingress["targetPort"] == _PLACEHOLDER else ingress["targetPort"]
    more = {each["targetPort"] for each in ingress.get("additionalPortMappings", [])}
    secrets = {
        each["path"]
        for volume in template.get("volumes", [])
        if volume["storageType"] == "Secret"
        for each in volume["secrets"]
    }
    return [
        Container(
            where=f"{where}: {each['name']}",
            image=each["image"],
            user=None,
            environment={named["name"]: named.get("value", "") for named in each.get("env", [])},
            published=shared({target, *more}, each["image"]),
            probes=frozenset(probe["type"].lower() for probe in each.get("probes", []))
            & {"liveness", "readiness"},
            probe_ports=frozenset(
                probe[how]["port"]
                for probe in each.get("probes", [])
                for how in ("httpGet", "tcpSocket")
                if how in probe
            ),
            # What is asked for is what there is.
            has_limits={"cpu", "memory"} <= each.get("resources", {}).keys(),
            secrets=frozenset(
                secrets
                if any(mount["mountPath"] == "/run/secrets" for mount in each.get("volumeMounts", []))
                else ()
            ),
            most_replicas=template["scale"]["maxReplicas"],
            runs_to_the_end=is_first,
        )
        for kind, is_first in (("initContainers", True), ("containers", False))
        for each in template.get(kind, [])
    ]
