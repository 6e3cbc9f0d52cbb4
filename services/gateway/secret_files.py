"""Files that hold secrets: worth nothing where every user of the machine may read them."""

import stat
from pathlib import Path


def read_secret(file: Path) -> bytes:
    """What is in it. Raises ValueError where every user may read it, OSError where nobody can."""
    if stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO:
        raise ValueError(f"every user of this machine may use {file}: chmod o= {file}")
    return file.read_bytes()
