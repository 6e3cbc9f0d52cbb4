"""The user table."""

import unicodedata
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, MetaData, String, Table, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.schema import CreateTable

from services.core.errors import UserStoreUnavailableError

_metadata = MetaData()
_users = Table(
    "users",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("password_hash", String(128), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
_POOL_TIMEOUT_S = 2.0
_LOCK_TIMEOUT_S = 5.0
MAX_USERNAME = 64


class UserError(ValueError):
    """A change to the user table that cannot be made; the message says why."""


@dataclass(frozen=True)
class User:
    """A row of the user table."""

    id: str
    """Never used again, not even for a user of the same name."""
    username: str
    password_hash: str
    disabled: bool


class UserStore:
    """Users by name and by id."""

    def __init__(self, database_url: str) -> None:
        """Name the database, sqlite:///... or postgresql://...; nothing is opened yet."""
        try:
            url = make_url(database_url)
        except ArgumentError as error:
            raise ValueError(f"{database_url!r} is not a database URL") from error
        if url.drivername not in _DRIVERS:
            raise ValueError(
                f"database_url must start with sqlite:/// or postgresql://, not {url.drivername}"
            )
        url = url.set(drivername=_DRIVERS[url.drivername])
        self._file = Path(url.database) if url.drivername.startswith("sqlite") and url.database else None
        if self._file:
            self._engine = create_async_engine(url, connect_args={"timeout": _LOCK_TIMEOUT_S})
            event.listen(self._engine.sync_engine, "connect", _set_up_sqlite)
        else:
            self._engine = create_async_engine(url, pool_timeout=_POOL_TIMEOUT_S, pool_pre_ping=True)

    async def create(self) -> None:
        """Make the table where there is none yet; a file for it, only for its owner to read."""
        if self._file:
            try:
                self._file.touch(mode=0o600)
            except OSError as error:
                raise UserStoreUnavailableError(
                    f"{self._file} cannot be written: {error.strerror}"
                ) from error
        async with self._transaction() as connection:
            # Several workers start at a time.
            await connection.execute(CreateTable(_users, if_not_exists=True))

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def by_name(self, username: str) -> User | None:
        """The user of a name, however it is cased."""
        name = normalised(username)
        return await self._one(_users.c.username == name) if _is_name(name) else None

    async def by_id(self, user_id: str) -> User | None:
        """The user of an id."""
        return await self._one(_users.c.id == user_id)

    async def names(self) -> list[tuple[str, bool]]:
        """Every username and whether it is disabled, in order."""
        query = select(_users.c.username, _users.c.disabled).order_by(_users.c.username)
        async with self._transaction() as connection:
            return [(row.username, row.disabled) for row in await connection.execute(query)]

    async def add(self, username: str, password_hash: str) -> User:
        """Add a user. Raises UserError where the name is taken, empty or too long."""
        name = normalised(username)
        if not _is_name(name):
            raise UserError(f"a username has 1 to {MAX_USERNAME} printable characters")
        user = User(uuid.uuid4().hex, name, password_hash, disabled=False)
        row = {**user.__dict__, "created_at": datetime.now(UTC)}
        try:
            async with self._transaction() as connection:
                await connection.execute(insert(_users).values(row))
        except IntegrityError:
            raise UserError(f"there is a user {name!r} already") from None
        return user

    async def change(self, username: str, **columns: Any) -> None:
        """Set columns of a user's row. Raises UserError where there is no such user."""
        change = update(_users).where(_users.c.username == normalised(username)).values(**columns)
        async with self._transaction() as connection:
            if (await connection.execute(change)).rowcount == 0:
                raise UserError(f"there is no user {username!r}")

    async def _one(self, condition: Any) -> User | None:
        query = select(_users.c.id, _users.c.username, _users.c.password_hash, _users.c.disabled)
        async with self._transaction() as connection:
            row = (await connection.execute(query.where(condition))).one_or_none()
        return None if row is None else User(*row)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            unavailable = UserStoreUnavailableError("The user table cannot be reached")
            unavailable.add_note(str(error).partition("\n")[0])
            raise unavailable from error


def normalised(username: str) -> str:
    """One spelling per name: Unicode NFKC, case folded."""
    return unicodedata.normalize("NFKC", username).casefold().strip()


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_USERNAME and name.isprintable()


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # Readers go on while one writes.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()
