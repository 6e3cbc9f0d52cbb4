"""Where versions lie in a model repository: <model>/<version>/, versions being whole numbers."""

from pathlib import Path


class NoVersionError(Exception):
    """The repository has no such model or version."""


def version_folders(repository: Path, model: str) -> dict[int, Path]:
    """The versions of a model by number, ascending; leading zeros count for nothing, as in model servers."""
    found = {int(entry.name): entry for entry in (repository / model).glob("*") if entry.name.isdecimal()}
    return dict(sorted(found.items()))


def version_folder(repository: Path, model: str, version: int | None = None) -> Path:
    """The folder of a version, by default the newest. Raises NoVersionError."""
    folders = version_folders(repository, model)
    number = max(folders, default=None) if version is None else version
    if number is None or number not in folders:
        known = ", ".join(map(str, folders)) or "none"
        raise NoVersionError(f"{repository} has no version {version or ''} of {model!r}; there are: {known}")
    return folders[number]
