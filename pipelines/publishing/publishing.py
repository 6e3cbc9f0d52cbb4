"""The life of a version in a repository: published, promoted, rolled back.

Nothing here loads a model into a server. Servers follow the config file at their next look.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.evaluation.backtest import Report
from pipelines.evaluation.gate import require_no_loss, require_skill
from pipelines.publishing.config_file import CANARY, PREVIOUS, STABLE, ConfigError, ModelConfigFile, Served
from pipelines.publishing.versions import version_folder, version_folders
from pipelines.spec import ForecastSpec
from pipelines.training.checks import check_version, load_as_server
from pipelines.training.export import write_version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


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
        """Of a model, for the config file.

        Raises PublishingError where it would not be absolute, or the name is none that can be asked for.
        """
        if not _NAME.fullmatch(model):
            raise PublishingError(
                f"{model!r} cannot be the name of a model: take up to 64 letters, digits and . _ - of which "
                "the first is a letter or a digit"
            )
        if self.served_as and not self.served_as.is_absolute():
            raise PublishingError(f"model servers take absolute paths alone, not {self.served_as}")
        return (self.served_as or self.folder.resolve()) / model

    def stable(self, model: str) -> int | None:
        """The version that serves: labelled so, else the newest but the canary. Raises ConfigError."""
        served = self.config.served().get(model, _UNLISTED)
        candidates = set(served.versions or version_folders(self.folder, model))
        return served.labels.get(STABLE, max(candidates - {served.labels.get(CANARY)}, default=None))


_UNLISTED = Served("", set(), {})
"""A model that the file does not list: once it does, its newest version serves."""


@dataclass(frozen=True)
class Published:
    """A version that now waits to be promoted, or serves at once where none did before."""

    version: int
    label: str
    report: Report | None
    """None of one that was not judged."""
    serving: Report | None
    """Of the version that serves, on the same windows."""


def publish(
    candidate: Path,
    model: str,
    repository: Repository,
    judge: Callable[[Path, ZoneInfo], Report] | None,
    *,
    margin: float,
    settle: Callable[[], None],
) -> Published:
    """Check a version, judge it, and copy it into the repository as `canary`.

    `judge` backtests the version in a folder, reading times in a zone; its data should be newer than any that
    the version that serves was trained on. Where none serves yet it becomes `stable` at once, and need not be
    judged (None). `settle` waits until model servers have read the file again, which is needed where they
    serve whichever version is the newest.

    Raises ExportCheckError where it is not whole, NotGoodEnoughError where a naive forecast is as good or the
    version that serves is better by more than `margin`, a share of its error; PublishingError where both are
    of different shapes, or it was to be judged and is not; ConfigError. No version is added then.
    """
    base_path = repository.base_path(model)
    with load_as_server(candidate) as version:
        spec = version.spec()
    if judge is None:
        refuse_unjudged(model, repository)
    stable = repository.stable(model)
    before = None if stable is None else version_folder(repository.folder, model, stable)
    if before is not None:
        _require_interface(spec, before)
    check_version(candidate, spec)
    report, serving = None, None
    if judge is not None:
        report = judge(candidate, spec.zone)
        require_skill(report)
        if before is not None:
            serving = judge(before, spec.zone)
            require_no_loss(report, serving, margin=margin)
    if stable is not None:
        _pin(model, stable, repository, settle)
    added: list[Path] = []
    try:
        with repository.config.changing(model, base_path) as served:
            if served.labels.get(STABLE) != stable:
                raise ConfigError(f"another version of {model} serves than was judged against; try again")
            added.append(write_version(repository.folder, model, lambda draft: _copy(candidate, draft)))
            number, label = int(added[0].name), STABLE if stable is None else CANARY
            _relabel(served, {**served.labels, label: number})
    except BaseException:
        for folder in added:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return Published(number, label, report, serving)


def refuse_unjudged(model: str, repository: Repository) -> None:
    """Raise PublishingError where a version of the model serves already, or it cannot have that name."""
    repository.base_path(model)
    stable = repository.stable(model)
    if stable is not None:
        raise PublishingError(
            f"version {stable} of {model} serves: one that is to follow it is judged by a meter file, "
            "--data; or give it another name"
        )


def _require_interface(spec: ForecastSpec, serving: Path) -> None:
    with load_as_server(serving) as version:
        other = version.spec()
    if spec.interface != other.interface:
        raise PublishingError(
            f"it forecasts {_said(spec)}, the version that serves {_said(other)}: publish it under another "
            "name"
        )


def _said(spec: ForecastSpec) -> str:
    return (
        f"{spec.horizon} steps of {spec.resolution_s} s from {spec.window} by the clock of {spec.time_zone}"
    )


def _pin(model: str, stable: int, repository: Repository, settle: Callable[[], None]) -> None:
    """Label the version that serves, if it is none yet: else a newer folder alone would take its place."""
    if STABLE in repository.config.served().get(model, _UNLISTED).labels:
        return
    with repository.config.changing(model, repository.base_path(model)) as served:
        was_newest = not served.versions
        _relabel(served, {STABLE: stable, **served.labels})
    if was_newest:
        settle()


def promote(model: str, repository: Repository) -> int:
    """Let the canary serve everybody, and keep the version that did so far; answers its number.

    Raises PublishingError where there is no canary, NoVersionError where its folder is gone, and ConfigError.
    """
    with repository.config.changing(model, repository.base_path(model)) as served:
        labels = dict(served.labels)
        if CANARY not in labels:
            raise PublishingError(f"{model} has no canary: publish a version first")
        if STABLE in labels:
            labels[PREVIOUS] = labels[STABLE]
        labels[STABLE] = labels.pop(CANARY)
        version_folder(repository.folder, model, labels[STABLE])
        _relabel(served, labels)
    return labels[STABLE]


def roll_back(model: str, repository: Repository) -> tuple[int, int]:
    """Withdraw the canary, or where there is none go back to the version before: what went, what serves.

    What went stays in the repository. Raises PublishingError where there is nothing to go back to,
    NoVersionError where its folder is gone, and ConfigError.
    """
    with repository.config.changing(model, repository.base_path(model)) as served:
        labels = dict(served.labels)
        if {CANARY, STABLE} <= set(labels):
            gone = labels.pop(CANARY)
        elif {PREVIOUS, STABLE} <= set(labels):
            gone, labels[STABLE] = labels[STABLE], labels.pop(PREVIOUS)
        else:
            raise PublishingError(f"{model} has neither a canary nor a version before the one that serves")
        version_folder(repository.folder, model, labels[STABLE])
        _relabel(served, labels)
    return gone, labels[STABLE]


def _relabel(served: Served, labels: dict[str, int]) -> None:
    """Serve what is labelled; a version that loses its last label goes, one that never had any stays."""
    gone = set(served.labels.values()) - set(labels.values())
    served.versions = (served.versions - gone) | set(labels.values())
    served.labels = labels


def _copy(candidate: Path, draft: Path) -> None:
    shutil.copytree(candidate, draft, dirs_exist_ok=True)
