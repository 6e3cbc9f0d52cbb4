"""By which pepper `wattgate users` hashes: that of the database's gateway, and of no other."""

import asyncio

import pytest
from typer.testing import CliRunner

from services.gateway.passwords import Passwords
from services.gateway.store.database import Database
from services.gateway.store.users import UserStore
from wattgate.cli import app

PASSWORD = "meter gravel sonnet umbrella"
LOCAL, OTHER = b"l" * 32, b"o" * 32


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which a pair of one's own has run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_PASSWORD_PEPPER", raising=False)
    monkeypatch.delenv("GATEWAY_DATABASE_URL", raising=False)
    monkeypatch.delenv("GATEWAY_DATABASE_URL_FILE", raising=False)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "password.pepper").write_bytes(LOCAL)
    (tmp_path / "other.pepper").write_bytes(OTHER)
    return tmp_path


def add(*arguments):
    added = CliRunner().invoke(app, ["users", "add", "ada", "--password-stdin", *arguments], input=PASSWORD)
    assert added.exit_code == 0, added.output


def is_current(file, pepper):
    """Whether the password is right and its hash is by the pepper a gateway has."""

    async def look():
        database = Database(f"sqlite:///{file}")
        user = await UserStore(database).by_name("ada")
        await database.close()
        passwords = Passwords(pepper)
        assert await passwords.matches(PASSWORD, user.password_hash)
        return not passwords.outdated(user.password_hash)

    return asyncio.run(look())


def test_the_local_database_goes_with_the_local_pepper(here):
    add()
    assert is_current(here / "var" / "users.db", LOCAL)


def test_another_database_does_not(here):
    add(f"--database-url=sqlite:///{here}/users.db")
    # By none: the gateway lets its user in, and hashes anew by its own.
    assert is_current(here / "users.db", b"")
    assert not is_current(here / "users.db", OTHER)


def test_one_that_is_named_is_taken(here):
    add(f"--database-url=sqlite:///{here}/users.db", f"--pepper={here}/other.pepper")
    assert is_current(here / "users.db", OTHER)


def test_one_that_is_not_there_is_said(here):
    refused = CliRunner().invoke(app, ["users", "add", "ada", "--pepper=none", "--password-stdin"])
    assert refused.exit_code == 2
    assert "does not exist" in refused.output


def test_the_database_of_a_gateway_beside_it_is_found_by_the_gateways_settings(here, monkeypatch):
    file = here / "database-url"
    file.write_text(f"sqlite:///{here}/gateway.db\n")
    file.chmod(0o400)
    monkeypatch.setenv("GATEWAY_DATABASE_URL_FILE", str(file))
    monkeypatch.setenv("GATEWAY_PASSWORD_PEPPER", str(here / "other.pepper"))
    add()
    assert is_current(here / "gateway.db", OTHER)
    assert not (here / "var" / "users.db").exists()


def test_a_file_that_names_no_database_is_said(here, monkeypatch):
    monkeypatch.setenv("GATEWAY_DATABASE_URL_FILE", str(here / "missing"))
    asked = CliRunner().invoke(app, ["users", "list"])
    assert asked.exit_code == 2
    assert "GATEWAY_DATABASE_URL_FILE" in asked.output
