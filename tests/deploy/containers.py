"""What every platform says of a container, in one form, for one policy to look at."""

from dataclasses import dataclass, field
from typing import Final

GATEWAY, MODEL_SERVER, OTHER = "gateway", "model server", "other"

_ROLES = {
    "wattgate-gateway": GATEWAY,
    "wattgate-model-server": MODEL_SERVER,
    "wattgate-tensorflow-serving": MODEL_SERVER,
    "wattgate-triton": MODEL_SERVER,
    "wattgate-bentoml": MODEL_SERVER,
}
MODEL_PORTS: Final = {
    "wattgate-model-server": 8500,
    "wattgate-tensorflow-serving": 8500,
    "wattgate-triton": 8001,
    "wattgate-bentoml": 3000,
}

REST = 8501
"""Of TensorFlow Serving, where it is told to."""

UNSAID = None
"""The platform has no word for it."""


@dataclass(frozen=True)
class Container:
    """One container, as it is meant to run."""

    where: str
    """File and name, for whoever has to mend it."""
    image: str
    user: str | None
    """user:group, where it is said; the images have their own."""
    environment: dict[str, str] = field(default_factory=dict)
    published: frozenset[int] = frozenset()
    """Its ports that callers from outside reach."""
    probes: frozenset[str] = frozenset()
    """The kinds of probes it has: liveness, readiness."""
    probe_ports: frozenset[int] = frozenset()
    has_limits: bool = False
    """Of processor and memory."""
    is_privileged: bool = False
    may_escalate: bool | None = UNSAID
    drops_capabilities: bool | None = UNSAID
    has_read_only_root: bool | None = UNSAID
    secrets: frozenset[str] = frozenset()
    """Files that are mounted below /run/secrets."""
    most_replicas: int = 1
    runs_to_the_end: bool = False
    """Does its work and ends, before others start."""

    @property
    def image_name(self) -> str:
        """Without registry, tag and digest."""
        return self.image.rpartition("/")[2].partition("@")[0].partition(":")[0]

    @property
    def role(self) -> str:
        """What it is there for."""
        return OTHER if self.runs_to_the_end else _ROLES.get(self.image_name, OTHER)


def shared(outside: set[int], image: str) -> frozenset[int]:
    """Which of the ports that are let in a container answers for, where all of a group share their ports."""
    models = {*MODEL_PORTS.values(), REST}
    return frozenset(outside - models if "wattgate-gateway" in image else outside & models)
