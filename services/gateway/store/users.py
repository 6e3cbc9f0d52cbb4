"""Users: people who log in with a password."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update

from services.gateway.policy import FORECAST, MODELS_READ, TENSORS
from services.gateway.store.accounts import Accounts
from services.gateway.store.tables import USERS

SCOPES = frozenset({FORECAST, MODELS_READ, TENSORS})
"""What a user may do who is given nothing else."""


@dataclass(frozen=True)
class User:
    """A row of the table."""

    id: str
    """Never used again, not even for a user of the same name."""
    username: str
    password_hash: str
    disabled: bool
    scopes: frozenset[str]
    tokens_from_s: int
    """Tokens issued before do not count; Unix time."""


class UserStore(Accounts[User]):
    """Users by name and by id."""

    kind, table, name = "user", USERS, USERS.c.username

    def _account(self, row: Any) -> User:
        scopes = frozenset(row.scopes.split())
        return User(row.id, row.username, row.password_hash, row.disabled, scopes, row.tokens_from_s)

    async def add(self, username: str, password_hash: str, scopes: Iterable[str] = SCOPES) -> User:
        """Add a user. Raises AccountError where the name is taken, empty or too long."""
        row = await self._add(username, scopes, password_hash=password_hash)
        return User(
            row["id"],
            row["username"],
            password_hash,
            disabled=False,
            scopes=frozenset(scopes),
            tokens_from_s=0,
        )

    async def set_password(self, username: str, password_hash: str) -> None:
        """A new password; tokens that the old one gave end. Raises AccountNotFoundError."""
        await self.end_tokens(username, password_hash=password_hash)

    async def change(self, username: str, *, password_hash: str | None, disabled: bool | None) -> None:
        """All at once, but for what is None; another password ends tokens, and so does being kept out.

        Raises AccountNotFoundError.
        """
        asked = {"password_hash": password_hash, "disabled": disabled}
        changed = {column: value for column, value in asked.items() if value is not None}
        if changed:
            await self._change(username, ends_tokens=password_hash is not None, **changed)

    async def rehash(self, user: User, password_hash: str) -> None:
        """The same password, hashed anew."""
        change = update(USERS).where(USERS.c.id == user.id, USERS.c.password_hash == user.password_hash)
        async with self._database.transaction() as connection:
            await connection.execute(change.values(password_hash=password_hash))
