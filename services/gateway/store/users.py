"""Users: people who log in with a password."""

import time
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from services.gateway.policy import FORECAST, MODELS_READ, TENSORS
from services.gateway.store.database import Database
from services.gateway.store.tables import USERS

MAX_NAME = 64
SCOPES = frozenset({FORECAST, MODELS_READ, TENSORS})
"""What a user may do who is given nothing else."""


class UserError(ValueError):
    """A change that cannot be made; the message says why."""


class UserNotFoundError(UserError):
    """There is nobody of that name."""


@dataclass(frozen=True)
class User:
    """A row of the table."""

    id: str
    """Never used again, not even for a user of the same name."""
    username: str
    password_hash: str
    disabled: bool
    scopes: frozenset[str] = SCOPES
    tokens_from_s: int = 0
    """Tokens issued before do not count; Unix time."""


class UserStore:
    """Users by name and by id."""

    def __init__(self, database: Database) -> None:
        """In this database."""
        self._database = database

    async def by_name(self, username: str) -> User | None:
        """The user of a name, however it is cased."""
        name = normalised(username)
        return await self._one(USERS.c.username == name) if is_name(name) else None

    async def by_id(self, user_id: str) -> User | None:
        """The user of an id."""
        return await self._one(USERS.c.id == user_id)

    async def all(self) -> list[User]:
        """Everyone, by name."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(_QUERY.order_by(USERS.c.username))
            return [_user(row) for row in rows]

    async def add(self, username: str, password_hash: str, scopes: Iterable[str] = SCOPES) -> User:
        """Add a user. Raises UserError where the name is taken, empty or too long."""
        name = normalised(username)
        if not is_name(name):
            raise UserError(f"a username has 1 to {MAX_NAME} printable characters")
        user = User(uuid.uuid4().hex, name, password_hash, disabled=False, scopes=frozenset(scopes))
        row = {**user.__dict__, "scopes": " ".join(sorted(scopes)), "created_at": datetime.now(UTC)}
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(USERS).values(row))
        except IntegrityError:
            raise UserError(f"there is a user {name!r} already") from None
        return user

    async def set_password(self, username: str, password_hash: str) -> None:
        """A new password; tokens that the old one gave end. Raises UserError."""
        await self._change(username, password_hash=password_hash, tokens_from_s=end_of_now())

    async def set_disabled(self, username: str, *, disabled: bool) -> None:
        """Keep a user out, or let it in again. Raises UserError."""
        await self._change(username, disabled=disabled)

    async def end_tokens(self, username: str) -> None:
        """No token issued until now counts any more. Raises UserError."""
        await self._change(username, tokens_from_s=end_of_now())

    async def rehash(self, user: User, password_hash: str) -> None:
        """The same password, hashed anew."""
        change = update(USERS).where(USERS.c.id == user.id, USERS.c.password_hash == user.password_hash)
        async with self._database.transaction() as connection:
            await connection.execute(change.values(password_hash=password_hash))

    async def _change(self, username: str, **columns: Any) -> None:
        change = update(USERS).where(USERS.c.username == normalised(username)).values(**columns)
        async with self._database.transaction() as connection:
            if (await connection.execute(change)).rowcount == 0:
                raise UserNotFoundError(f"there is no user {username!r}")

    async def _one(self, condition: Any) -> User | None:
        async with self._database.transaction() as connection:
            row = (await connection.execute(_QUERY.where(condition))).one_or_none()
        return None if row is None else _user(row)


_QUERY = select(
    USERS.c.id,
    USERS.c.username,
    USERS.c.password_hash,
    USERS.c.disabled,
    USERS.c.scopes,
    USERS.c.tokens_from_s,
)


def _user(row: Any) -> User:
    return User(
        row.id,
        row.username,
        row.password_hash,
        row.disabled,
        frozenset(row.scopes.split()),
        row.tokens_from_s,
    )


def end_of_now() -> int:
    """The end of the running second, Unix time: tokens tell the second they were issued in."""
    return int(time.time()) + 1


def normalised(name: str) -> str:
    """One spelling per name: Unicode NFKC, case folded."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def is_name(name: str) -> bool:
    """Whether a normalised name may be one."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()
