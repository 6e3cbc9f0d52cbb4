"""What holds of every container, wherever it runs; each rule answers what is wrong, or nothing.

Where a platform has no word for something (UNSAID), nothing is asked of it there: container apps know no
security context, and container groups no read-only root.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from services.gateway.settings import Settings
from tests.deploy.containers import GATEWAY, MODEL_PORTS, MODEL_SERVER, OTHER, Container

Rule = Callable[[Container], str | None]

SECRETS = PurePosixPath("/run/secrets")
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PEPPER|_KEY|CREDENTIAL|APIKEY")
_SAYS_ITSELF = re.compile(r"-----BEGIN|://[^/@\s:]*:[^/@\s]+@")
"""A PEM, or a URL with a password."""
_NO_SECRETS = {
    name.upper() for name in ("token_issuer", "token_audience", "token_lifetime_s", "password_grant")
}
"""Settings that are named alike."""
_PINNED = re.compile(r"[^\s:@]+(:\d+)?(/[^\s:@]+)*(:(?!latest\b)[\w${}][\w.${}-]*|@sha256:[0-9a-f]{64})")
USER = "10001:10001"


def ports(container: Container) -> str | None:
    https, grpc = (Settings.model_fields[name].default for name in ("https_port", "grpc_port"))
    if container.role == GATEWAY and (not container.published or container.published - {https, grpc}):
        return f"lets in {sorted(container.published)}; a gateway is called on {https} and {grpc}"
    if container.role == MODEL_SERVER and container.published:
        return f"lets in {sorted(container.published)}; nobody but gateways may reach a model server"
    if container.role == GATEWAY and container.probe_ports - {https}:
        return f"is asked how it is on {sorted(container.probe_ports)}"
    if container.role == MODEL_SERVER and container.probe_ports - {MODEL_PORTS[container.image_name]}:
        return f"is asked how it is on {sorted(container.probe_ports)}"
    return None


def no_plaintext_secret(container: Container) -> str | None:
    for name, value in container.environment.items():
        is_file = value.startswith(f"{SECRETS}/")
        if _SAYS_ITSELF.search(value):
            return f"has a secret in {name}"
        if _SECRET_NAME.search(name) and not is_file and name.removeprefix("GATEWAY_") not in _NO_SECRETS:
            return f"{name} names no file below {SECRETS}"
    return None


def secrets_are_mounted(container: Container) -> str | None:
    named = {
        PurePosixPath(value) for value in container.environment.values() if value.startswith(f"{SECRETS}/")
    }
    missing = {file.name for file in named} - container.secrets
    return f"names secrets that are not mounted: {sorted(missing)}" if missing else None


def probes(container: Container) -> str | None:
    # Container groups ask a model server by the gateway: their probes know no gRPC.
    asked = {"liveness"} if container.role == MODEL_SERVER else {"liveness", "readiness"}
    missing = set() if container.runs_to_the_end else asked - container.probes
    return f"has no probe of {sorted(missing)}" if missing else None


def no_privileges(container: Container) -> str | None:
    if container.is_privileged or container.may_escalate:
        return "is privileged, or may become so"
    return None


def no_capabilities(container: Container) -> str | None:
    return "keeps capabilities" if container.drops_capabilities is False else None


def read_only_root(container: Container) -> str | None:
    return "may write to its root" if container.has_read_only_root is False else None


def limits(container: Container) -> str | None:
    return (
        None if container.has_limits or container.runs_to_the_end else "has no limits of processor and memory"
    )


def user(container: Container) -> str | None:
    if container.user and container.role != OTHER and container.user != USER:
        return f"runs as {container.user} instead of {USER}"
    if container.user and re.match(r"(0|root)\b", container.user):
        return "runs as root"
    return None


def pinned_image(container: Container) -> str | None:
    return None if _PINNED.fullmatch(container.image) else f"{container.image} says no version"


def users_are_shared(container: Container) -> str | None:
    environment = container.environment
    if container.role != GATEWAY or container.most_replicas == 1:
        return None
    if int(environment.get("GATEWAY_REPLICAS", "1")) < container.most_replicas:
        return f"may be {container.most_replicas}, and is not told by GATEWAY_REPLICAS"
    if environment.get("GATEWAY_DATABASE_URL", "").startswith("sqlite"):
        return f"may be {container.most_replicas}, on SQLite"
    return None


def known_settings(container: Container) -> str | None:
    if container.role != GATEWAY:
        return None
    known = {f"GATEWAY_{name.upper()}" for name in Settings.model_fields}
    unknown = {name for name in container.environment if name.startswith("GATEWAY_")} - known
    return f"is told what it does not know: {sorted(unknown)}" if unknown else None


def model_servers(container: Container) -> str | None:
    if container.role != GATEWAY:
        return None
    named = container.environment.get("GATEWAY_MODEL_SERVER", "localhost:8500")
    wrong = [
        each
        for each in named.split(",")
        if not re.search(rf":({'|'.join(map(str, MODEL_PORTS.values()))})$", each)
    ]
    return f"looks for model servers where none listens: {wrong}" if wrong else None


RULES: tuple[Rule, ...] = (
    ports,
    no_plaintext_secret,
    secrets_are_mounted,
    probes,
    no_privileges,
    no_capabilities,
    read_only_root,
    limits,
    user,
    pinned_image,
    users_are_shared,
    known_settings,
    model_servers,
)


def broken(containers: Iterable[Container]) -> Iterator[tuple[str, str]]:
    """The rules that are broken, and by whom and how."""
    for container in containers:
        for rule in RULES:
            if wrong := rule(container):
                yield rule.__name__, f"{container.where} {wrong}"
