"""The life of a version in a repository: published, promoted, rolled back.

Nothing here loads a model into a server. Servers follow the config file at their next look.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.evaluation.backtest import Report
from pipelines.evaluation.gate import require_no_loss, require_skill
from pipelines.publishing.config_file import CANARY, PREVIOUS, STABLE, ModelConfigFile, Served
from pipelines.publishing.versions import version_folder, version_folders
from pipelines.training.checks import check_version, load_as_server
from pipelines.training.export import write_version


class PublishingError(Exception):
    """There is nothing to publish, promote or go back to."""


@dataclass(frozen=True)
class Repository:
    """Folders of versions by model, and the file that says which of them are served."""

    folder: Path
    config: ModelConfigFile
    served_as: Path | None = None
    """The folder as model servers see it, where they do so elsewhere, as in a container."""

    def base_path(self, model: str) -> Path:
        """Of a model, for the config file."""
        return (self.served_as or self.folder.absolute()) / model

    def stable(self, model: str) -> int | None:
        """The version that serves: the one labelled so, else the newest of those that are served."""
        served = self.config.served().get(model)
        if served is None:
            return None
        return served.labels.get(
            STABLE, max(served.versions or version_folders(self.folder, model), default=None)
        )


@dataclass(frozen=True)
class Published:
    """A version that now waits to be promoted, or serves at once where none did before."""

    version: int
    label: str
    report: Report
    serving: Report | None
    """Of the version that serves, on the same windows."""


def publish(
    candidate: Path,
    model: str,
    repository: Repository,
    judge: Callable[[Path], Report],
    *,
    margin: float,
) -> Published:
    """Check a version, judge it, and move it into the repository as `canary`.

    `judge` backtests the version in a folder, on data that no version has seen. Where none serves yet it
    becomes `stable` at once. Raises ExportCheckError where it is not whole, NotGoodEnoughError where a naive
    forecast is as good or the version that serves is better by more than `margin`, a share of its error;
    ConfigError. Nothing changes then.
    """
    with load_as_server(candidate) as version:
        spec = version.spec()
    check_version(candidate, spec)
    report = judge(candidate)
    require_skill(report)
    stable = repository.stable(model)
    serving = None if stable is None else judge(version_folder(repository.folder, model, stable))
    if serving is not None:
        require_no_loss(report, serving, margin=margin)
    with repository.config.changing(model, repository.base_path(model)) as served:
        number = int(write_version(repository.folder, model, lambda draft: _copy(candidate, draft)).name)
        label = STABLE if stable is None else CANARY
        _relabel(served, {**served.labels, STABLE: number if stable is None else stable, label: number})
    return Published(number, label, report, serving)


def promote(model: str, repository: Repository) -> int:
    """Let the canary serve everybody, and keep the version that did so far; answers its number.

    Raises PublishingError where there is no canary, and ConfigError.
    """
    with repository.config.changing(model, repository.base_path(model)) as served:
        labels = dict(served.labels)
        if CANARY not in labels:
            raise PublishingError(f"{model} has no canary: publish a version first")
        if STABLE in labels:
            labels[PREVIOUS] = labels[STABLE]
        labels[STABLE] = labels.pop(CANARY)
        _relabel(served, labels)
    return labels[STABLE]


def roll_back(model: str, repository: Repository) -> tuple[int, int | None]:
    """Withdraw the canary, or where there is none go back to the version before: what went, what serves.

    What went stays in the repository. Raises PublishingError where there is nothing to go back to, and
    ConfigError.
    """
    with repository.config.changing(model, repository.base_path(model)) as served:
        labels = dict(served.labels)
        if CANARY in labels:
            gone = labels.pop(CANARY)
        elif {PREVIOUS, STABLE} <= set(labels):
            gone, labels[STABLE] = labels[STABLE], labels.pop(PREVIOUS)
        else:
            raise PublishingError(f"{model} has neither a canary nor a version before the one that serves")
        _relabel(served, labels)
    return gone, labels.get(STABLE)


def _relabel(served: Served, labels: dict[str, int]) -> None:
    """Serve what is labelled; a version that loses its last label goes, one that never had any stays."""
    gone = set(served.labels.values()) - set(labels.values())
    served.versions = (served.versions - gone) | set(labels.values())
    served.labels = labels


def _copy(candidate: Path, draft: Path) -> None:
    shutil.copytree(candidate, draft, dirs_exist_ok=True)
