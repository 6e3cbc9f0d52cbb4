"""The database of users and clients: SQLite for one machine, PostgreSQL for more."""

import asyncio
import logging
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.core.errors import UserStoreUnavailableError

log = logging.getLogger(__name__)

HEAD = "0003"
"""The migration that the tables are at; so alembic is imported only where they are not."""

MIGRATIONS = Path(__file__).parent / "migrations"

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
_POOL_TIMEOUT_S = 2.0
_LOCK_TIMEOUT_S = 5.0
_ANSWER_TIMEOUT_S = 3
"""To connect, and for all of a transaction: a server that vanished says nothing for minutes."""
_MIGRATION_TIMEOUT_S = 60
_LOCK = 5_301_822
"""Of those who migrate a PostgreSQL at the same time one goes first: the number of their lock, any."""


class Database:
    """Connections to one database, and its tables."""

    def __init__(self, url: str) -> None:
        """Name it, sqlite:///... or postgresql://...; nothing is opened yet. Raises ValueError."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ValueError(f"{url!r} is not a database URL") from error
        if parsed.drivername not in _DRIVERS:
            raise ValueError(
                f"database_url must start with sqlite:/// or postgresql://, not {parsed.drivername}"
            )
        is_sqlite = parsed.drivername == "sqlite"
        self._file = Path(parsed.database) if is_sqlite and parsed.database else None
        self._is_reached = True
        parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
        if self._file:
            self._engine = create_async_engine(parsed, connect_args={"timeout": _LOCK_TIMEOUT_S})
            event.listen(self._engine.sync_engine, "connect", _set_up_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        else:
            self._engine = create_async_engine(
                parsed, pool_timeout=_POOL_TIMEOUT_S, connect_args={"connect_timeout": _ANSWER_TIMEOUT_S}
            )

    async def migrate(self) -> None:
        """Bring the tables to HEAD, or make them; a file for them, only for its owner to read.

        Raises UserStoreUnavailableError.
        """
        if self._file:
            try:
                self._file.touch(mode=0o600)
            except OSError as error:
                raise UserStoreUnavailableError(
                    f"{self._file} cannot be written: {error.strerror}"
                ) from error
            await asyncio.to_thread(_write_ahead, self._file)
        async with self.transaction() as connection:
            if await connection.run_sync(_version) == HEAD:
                return
        # Several workers start at a time: whoever comes second finds it done.
        async with self.transaction(immediate=True, patience_s=_MIGRATION_TIMEOUT_S) as connection:
            if not self._file:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(
        self, *, immediate: bool = False, patience_s: float = _ANSWER_TIMEOUT_S
    ) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is kept if nothing is raised; `immediate`: nobody else writes meanwhile.

        A PostgreSQL that takes longer than `patience_s` is given up on; SQLite waits for its lock alone.

        Raises UserStoreUnavailableError, and IntegrityError as it is.
        """
        try:
            async with self._connection(patience_s) as connection:
                self._told(None)
                await connection.execution_options(wattgate_immediate=immediate)
                async with connection.begin():
                    yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            unavailable = UserStoreUnavailableError("The user table cannot be reached")
            unavailable.add_note(str(error).partition("\n")[0])
            self._told(unavailable)
            raise unavailable from error

    def _told(self, failure: UserStoreUnavailableError | None) -> None:
        """Tell the log when it cannot be reached any more, and when it can again."""
        if failure and self._is_reached:
            log.error("the user table cannot be reached: %s", "; ".join(failure.__notes__)[:300])
        elif not failure and not self._is_reached:
            log.info("the user table is reached again")
        self._is_reached = failure is None

    @asynccontextmanager
    async def _connection(self, patience_s: float) -> AsyncIterator[AsyncConnection]:
        """One that answers, and that is cut once it has not answered for too long.

        A task that is cancelled would wait until psycopg has heard from the server that it cancelled too.
        """
        if self._file:
            async with self._engine.connect() as connection:
                yield connection
            return
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + patience_s
        for is_last in (False, True):
            async with self._engine.connect() as connection:
                raw = (await connection.get_raw_connection()).driver_connection
                cutting = loop.call_at(ends_s, _cut, raw)
                try:
                    if not is_last and not await _answers(connection) and loop.time() < ends_s:
                        continue  # as after a restart: with it the pool has forgotten all of its kind
                    yield connection
                finally:
                    cutting.cancel()
                return


async def _answers(connection: AsyncConnection) -> bool:
    try:
        await connection.execute(text("SELECT 1"))
        await connection.rollback()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return False
    return True


def _cut(raw: Any) -> None:
    with closing(socket.socket(fileno=os.dup(raw.fileno()))) as connected:
        connected.shutdown(socket.SHUT_RDWR)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions by itself, and leave changes of tables out of them.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(file: Path) -> None:
    """Let readers go on while one writes. A file remembers it; of several who set it at once one succeeds."""
    until_s = time.monotonic() + _LOCK_TIMEOUT_S
    with closing(sqlite3.connect(file)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if time.monotonic() >= until_s:
                    raise UserStoreUnavailableError(f"{file} cannot be written: {error}") from error
                time.sleep(_LOCK_TIMEOUT_S / 100)


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("wattgate_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
