"""Containers of a compose file, as `docker compose config` puts it together."""

from collections.abc import Iterator
from typing import Any

from tests.deploy.containers import MODEL_PORTS, Container


def containers(composed: dict[str, Any], where: str) -> list[Container]:
    gateways = sum("wattgate-gateway" in each.get("image", "") for each in composed["services"].values())
    return [
        _container(service, f"{where}: {name}", gateways) for name, service in composed["services"].items()
    ]


def _container(service: dict[str, Any], where: str, gateways: int) -> Container:
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    environment = {name: value or "" for name, value in (service.get("environment") or {}).items()}
    return Container(
        where=where,
        image=service["image"],
        user=service.get("user"),
        environment=environment,
        published=frozenset(_published(service)),
        # The images have a HEALTHCHECK of their own (test_images.py); it can only be taken away here.
        probes=frozenset()
        if service.get("healthcheck", {}).get("disable")
        else frozenset({"liveness", "readiness"}),
        has_limits={"cpus", "memory", "pids"} <= limits.keys(),
        is_privileged=service.get("privileged", False),
        may_escalate=not {"no-new-privileges:true", "no-new-privileges"}
        & set(service.get("security_opt", [])),
        drops_capabilities=service.get("cap_drop") == ["ALL"],
        has_read_only_root=service.get("read_only", False),
        secrets=frozenset(secret["target"].rpartition("/")[2] for secret in service.get("secrets", [])),
        most_replicas=max(gateways, service.get("deploy", {}).get("replicas", 1)),
    )


def _published(service: dict[str, Any]) -> Iterator[int]:
    yield from (port["target"] for port in service.get("ports", []))
    if service.get("network_mode") == "host":
        yield from MODEL_PORTS.values()
