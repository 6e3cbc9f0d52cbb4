"""What is in deploy/, read: each file once, whoever asks."""

import json
import re
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from tests.data import REPOSITORY
from tests.deploy.tools import answer, run

DEPLOY = REPOSITORY / "deploy"
AZURE = DEPLOY / "azure"
KUBERNETES = AZURE / "kubernetes"
COMPOSE = DEPLOY / "compose"
CONTAINER_GROUP = AZURE / "container-group.yaml"

KUSTOMIZATIONS = ("base", "overlays/aks", "overlays/kserve")
COMPOSE_FILES = sorted(COMPOSE.glob("compose*.yaml"))
"""Each with those it is laid over; none until there are any."""
DOCKERFILES = sorted([*DEPLOY.rglob("*.Dockerfile"), *(REPOSITORY / "services").rglob("Dockerfile")])
SCRIPTS = sorted([*DEPLOY.rglob("*.sh"), REPOSITORY / ".ci" / "run"])
BICEP = sorted(AZURE.rglob("*.bicep"))

Document = dict[str, Any]


@cache
def _read() -> dict[str, Any]:
    found: dict[str, Any] = answer("read_files.py", *BICEP, CONTAINER_GROUP)
    return found


def bicep(file: Path) -> Document:
    """A Bicep file as in_venv/bicep_tree.py has it."""
    return _read()[str(file)]


def resource(file: Path, kind: str) -> Document:
    """The one resource of a kind that a Bicep file deploys."""
    (found,) = (each for each in bicep(file)["resources"].values() if each["type"] == kind)
    return found["config"]


def container_group_yaml() -> Document:
    return _read()[str(CONTAINER_GROUP)][0]


@cache
def _rendered(folder: str) -> str:
    made = run("kubectl", "kustomize", KUBERNETES / folder)
    assert made.returncode == 0, made.stderr
    return made.stdout


@cache
def _manifests() -> dict[str, list[Document]]:
    return answer("split_manifests.py", text=json.dumps({each: _rendered(each) for each in KUSTOMIZATIONS}))


def manifests(kustomization: str) -> list[Document]:
    """What `kubectl apply -k` would send."""
    return _manifests()[kustomization]


def laid_over(file: Path) -> list[Path]:
    """A compose file after those it is for: compose.a.b.yaml is for compose.yaml, a's and b's together."""
    overlays = file.name.removeprefix("compose").removesuffix("yaml").strip(".").split(".")
    parts = [file.parent / f"compose.{each}.yaml" for each in overlays if each]
    return [*dict.fromkeys([file.parent / "compose.yaml", *parts, file])]


def compose(*files: Path) -> Document:
    """Compose files as Docker Compose itself puts them together; AssertionError where it refuses them."""
    made = run("docker-compose", *chain(*(("--file", file) for file in files)), "config", "--format=json")
    assert made.returncode == 0, made.stderr
    document: Document = json.loads(made.stdout)
    return document


@cache
def composed(file: Path) -> Document:
    return compose(*laid_over(file))


def texts() -> dict[Path, str]:
    """Everything that is written down in deploy/."""
    files = (file for file in DEPLOY.rglob("*") if file.is_file() and ".secrets" not in file.parts)
    return {file: file.read_text() for file in files if not re.search(r"\.(png|gz)$", file.name)}
