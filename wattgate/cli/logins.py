"""Tokens of `wattgate login`, by server, kept until they run out.

In a file that nobody else may read, not in a keyring: a token lasts minutes, and the machines that call
gateways mostly have no keyring that is unlocked. The password is never kept.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Login:
    """Who is logged in to a server."""

    server: str
    username: str
    access_token: str
    expires_at: str
    """ISO 8601."""
    ca_file: str | None

    @property
    def until(self) -> datetime:
        """When the token runs out."""
        return datetime.fromisoformat(self.expires_at)

    @property
    def has_run_out(self) -> bool:
        """Whether it has, by this machine's clock."""
        return datetime.now(UTC) >= self.until


def _file() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "wattgate" / "logins.json"


def logins() -> list[Login]:
    """All that are kept, the last one last."""
    try:
        return [Login(**each) for each in json.loads(_file().read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return []  # what cannot be read is written anew by the next login


def login_of(server: str) -> Login | None:
    """That of a server."""
    return next((each for each in logins() if each.server == server), None)


def keep(login: Login) -> None:
    """Keep a login in place of the one before. Raises OSError."""
    _write([*(each for each in logins() if each.server != login.server), login])


def forget(server: str) -> bool:
    """Forget the login of a server; whether there was one. Raises OSError."""
    before = logins()
    after = [each for each in before if each.server != server]
    if after != before:
        _write(after)
    return after != before


def _write(all_of_them: list[Login]) -> None:
    file = _file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Readable by its owner alone from the first byte on, and whole at any moment.
    handle, new = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(handle, "w") as out:
        json.dump([asdict(each) for each in all_of_them], out, indent=2)
    Path(new).replace(file)
