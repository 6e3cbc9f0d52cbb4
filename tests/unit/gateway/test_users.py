"""The user table, on SQLite and on PostgreSQL."""

import asyncio

import pytest

from services.core.errors import UserStoreUnavailableError
from services.gateway.store.accounts import AccountError
from services.gateway.store.database import Database
from services.gateway.store.users import UserStore


@pytest.fixture
def users(database):
    return UserStore(database)


async def test_a_user_is_found_by_name_and_id(users):
    added = await users.add("ada", "hash")
    assert await users.by_name("ada") == added
    assert await users.by_id(added.id) == added
    assert await users.by_name("bob") is None
    assert await users.by_id("ada") is None


@pytest.mark.parametrize("spelling", ["Ada", " ada ", "ADA", "\uff41\uff44\uff41"])
async def test_a_name_has_one_spelling(users, spelling):
    added = await users.add("ada", "hash")
    assert await users.by_name(spelling) == added
    with pytest.raises(AccountError, match="already"):
        await users.add(spelling, "hash")


async def test_of_twenty_who_add_one_name_at_once_one_succeeds(users):
    results = await asyncio.gather(*(users.add("ada", "hash") for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, AccountError) for result in results if isinstance(result, Exception))


async def test_a_change_is_seen(users):
    await users.add("ada", "hash")
    await users.set_disabled("Ada", disabled=True)
    assert (await users.by_name("ada")).disabled
    assert [(user.username, user.disabled) for user in await users.all()] == [("ada", True)]


async def test_a_user_who_is_not_there_cannot_be_changed(users):
    with pytest.raises(AccountError, match="no user"):
        await users.set_disabled("ada", disabled=True)


@pytest.mark.parametrize("name", ["", "   ", "a" * 65, "a\nb", "a\x00b"])
async def test_a_name_that_nobody_can_type_is_refused(users, name):
    assert await users.by_name(name) is None
    with pytest.raises(AccountError, match="1 to 64 printable"):
        await users.add(name, "hash")


async def test_a_table_that_cannot_be_reached_is_said_to_be():
    database = Database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(UserStoreUnavailableError):
        await UserStore(database).by_name("ada")
    await database.close()


def test_other_databases_are_refused():
    with pytest.raises(ValueError, match="sqlite:/// or postgresql://"):
        Database("mysql://localhost/users")
    with pytest.raises(ValueError, match="'nonsense' is not a database URL"):
        Database("nonsense")


async def test_a_file_that_cannot_be_made_is_named(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/nowhere/users.db")
    with pytest.raises(UserStoreUnavailableError, match=r"nowhere/users\.db cannot be written"):
        await database.migrate()
