"""Containers of Kubernetes manifests: of Deployments and of KServe's InferenceServices."""

from collections.abc import Iterator
from typing import Any

from tests.deploy.containers import Container

Manifest = dict[str, Any]


def containers(manifests: list[Manifest], where: str) -> list[Container]:
    return [
        container
        for manifest in manifests
        for labels, pod in _pods(manifest)
        for kind, is_first in (("initContainers", True), ("containers", False))
        for container in (
            _container(each, pod, labels, manifests, where, runs_to_the_end=is_first)
            for each in pod.get(kind, [])
        )
    ]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def _pods(manifest: Manifest) -> Iterator[tuple[dict[str, str], Manifest]]:
    """Labels and spec of the pods it makes."""
    if manifest["kind"] == "Deployment":
        template = manifest["spec"]["template"]
        yield template["metadata"]["labels"], template["spec"]
    elif manifest["kind"] == "InferenceService":
        yield manifest["metadata"]["labels"], manifest["spec"]["predictor"]


def _container(
    said: Manifest,
    pod: Manifest,
    labels: dict[str, str],
    manifests: list[Manifest],
    where: str,
    *,
    runs_to_the_end: bool,
) -> Container:
    security = pod.get("securityContext", {}) | said.get("securityContext", {})
    ports = {each["name"]: each["containerPort"] for each in said.get("ports", [])}
    probes = {kind: said[f"{kind}Probe"] for kind in ("liveness", "readiness") if f"{kind}Probe" in said}
    probed = (probe[how]["port"] for probe in probes.values() for how in ("httpGet", "grpc") if how in probe)
    return Container(
        where=f"{where}: {said['name']}",
        image=said["image"],
        user=f"{security['runAsUser']}:{security['runAsGroup']}" if "runAsUser" in security else None,
        environment=_environment(said, manifests),
        published=frozenset([*_published(ports, labels, manifests), *_on_the_node(said, pod)]),
        probes=frozenset(probes),
        probe_ports=frozenset(ports.get(port, port) for port in probed),
        has_limits={"cpu", "memory"} <= said.get("resources", {}).get("limits", {}).keys(),
        is_privileged=security.get("privileged", False),
        may_escalate=security.get("allowPrivilegeEscalation", True),
        drops_capabilities=security.get("capabilities", {}).get("drop") == ["ALL"],
        has_read_only_root=security.get("readOnlyRootFilesystem", False),
        secrets=frozenset(_secrets(said, pod, manifests)),
        most_replicas=_most_replicas(labels, manifests),
        runs_to_the_end=runs_to_the_end,
    )


def _environment(said: Manifest, manifests: list[Manifest]) -> dict[str, str]:
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(manifests, "ConfigMap")}
    names = (each["configMapRef"]["name"] for each in said.get("envFrom", []))
    listed = {each["name"]: each.get("value", "") for each in said.get("env", [])}
    return {name: value for map_ in names for name, value in maps[map_].items()} | listed


def _published(ports: dict[str, int], labels: dict[str, str], manifests: list[Manifest]) -> Iterator[int]:
    """By services that have an address outside."""
    for service in of_kind(manifests, "Service"):
        spec = service["spec"]
        if spec.get("type", "ClusterIP") != "ClusterIP" and spec["selector"].items() <= labels.items():
            yield from (ports.get(each["targetPort"], each["targetPort"]) for each in spec["ports"])


def _on_the_node(said: Manifest, pod: Manifest) -> Iterator[int]:
    for each in said.get("ports", []):
        if "hostPort" in each or pod.get("hostNetwork"):
            yield each["containerPort"]


def _secrets(said: Manifest, pod: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    """Keys of what is mounted at /run/secrets, as far as they are known: those a vault has."""
    mounted = {each["name"] for each in said.get("volumeMounts", []) if each["mountPath"] == "/run/secrets"}
    for volume in pod.get("volumes", []):
        if volume["name"] in mounted:
            for provider in of_kind(manifests, "SecretProviderClass"):
                for secret in provider["spec"]["secretObjects"]:
                    if secret["secretName"] == volume["secret"]["secretName"]:
                        yield from (each["key"] for each in secret["data"])


def _most_replicas(labels: dict[str, str], manifests: list[Manifest]) -> int:
    name = labels["app.kubernetes.io/name"]
    scaled = (
        each["spec"]["maxReplicaCount"]
        for each in of_kind(manifests, "ScaledObject")
        if each["spec"]["scaleTargetRef"]["name"] == name
    )
    fixed = (
        each["spec"].get("replicas", 1)
        for each in of_kind(manifests, "Deployment")
        if each["metadata"]["name"] == name
    )
    return max([*scaled, *fixed], default=1)
