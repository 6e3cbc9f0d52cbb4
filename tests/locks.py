"""What lock files pin."""

import re
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version


def locked(file: Path) -> dict[NormalizedName, Version]:
    """The version of each package in a lock file of pip's."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", file.read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(number) for name, number in pinned}
