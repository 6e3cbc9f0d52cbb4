"""Tables of every age become the tables of now, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.gateway.store.database import HEAD, MIGRATIONS, Database
from services.gateway.store.tables import METADATA
from services.gateway.store.users import SCOPES, UserStore

OLDEST = """
CREATE TABLE users (id VARCHAR(32) NOT NULL PRIMARY KEY, username VARCHAR(64) NOT NULL UNIQUE,
    password_hash VARCHAR(128) NOT NULL, disabled BOOLEAN NOT NULL, created_at DATETIME NOT NULL);
INSERT INTO users VALUES ('1', 'ada', 'hash', 0, '2026-01-01 00:00:00');
"""


def test_head_is_the_last_migration():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


async def test_migrated_tables_are_those_that_are_used(database_url):
    database = Database(database_url)
    await database.migrate()
    async with database.transaction() as connection:

        def differences(sync):
            return compare_metadata(MigrationContext.configure(sync), METADATA)

        assert await connection.run_sync(differences) == []
    await database.close()


async def test_users_of_before_there_were_migrations_may_do_what_they_could(tmp_path):
    with sqlite3.connect(tmp_path / "users.db") as connection:
        connection.executescript(OLDEST)
    connection.close()
    database = Database(f"sqlite:///{tmp_path}/users.db")
    await database.migrate()
    user = await UserStore(database).by_name("ada")
    assert (user.id, user.scopes, user.tokens_from_s) == ("1", SCOPES, 0)
    await database.close()


async def test_many_who_migrate_at_once_do_it_once(database_url):
    databases = [Database(database_url) for _ in range(8)]
    await asyncio.gather(*(database.migrate() for database in databases))
    for database in databases:
        assert await UserStore(database).all() == []
        await database.close()
