"""`wattgate users`: who may log in."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from services.gateway.passwords import Passwords
from services.gateway.policy import ADMIN
from services.gateway.store.users import SCOPES, UserStore
from wattgate.cli.accounts import Name, add_commands
from wattgate.cli.database import LOCAL, DatabaseUrl, run

app = typer.Typer(help="Add, disable and list the users of a gateway.", no_args_is_help=True)
add_commands(app, UserStore)

T = TypeVar("T")

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


_LOCAL_PEPPER = Path("var/password.pepper")

Pepper = Annotated[
    Path | None,
    typer.Option(
        "--pepper",
        envvar="GATEWAY_PASSWORD_PEPPER",
        exists=True,
        dir_okay=False,
        help="The pepper of the database's gateway. Without it a hash is by none until its user logs in; "
        "that of var/ goes with the database of var/.",
    ),
]


def _passwords(pepper: Path | None, database_url: str) -> Passwords:
    if pepper is None and database_url == LOCAL and _LOCAL_PEPPER.exists():
        pepper = _LOCAL_PEPPER
    return Passwords(pepper.read_bytes().strip()) if pepper else Passwords()


@app.command()
def add(
    username: Name,
    password_stdin: PasswordStdin = False,
    admin: Annotated[bool, typer.Option("--admin", help="May change users and clients, too.")] = False,
    pepper: Pepper = None,
    database_url: DatabaseUrl = LOCAL,
) -> None:
    """Add a user; asks for the password."""
    passwords, password = _passwords(pepper, database_url), _password(from_stdin=password_stdin)

    async def work(users: UserStore) -> None:
        scopes = SCOPES | ({ADMIN} if admin else set())
        await users.add(username, await passwords.hash(password, username), scopes)

    _run(database_url, work)
    typer.echo(f"Added {username}.")


@app.command()
def passwd(
    username: Name,
    password_stdin: PasswordStdin = False,
    pepper: Pepper = None,
    database_url: DatabaseUrl = LOCAL,
) -> None:
    """Give a user another password; tokens that the old one gave end."""
    passwords, password = _passwords(pepper, database_url), _password(from_stdin=password_stdin)

    async def work(users: UserStore) -> None:
        await users.set_password(username, await passwords.hash(password, username))

    _run(database_url, work)
    typer.echo(f"Changed the password of {username}.")


@app.command("list")
def list_users(database_url: DatabaseUrl = LOCAL) -> None:
    """Every user, whether it is an admin, and whether it is disabled."""
    for user in _run(database_url, lambda users: users.all()):
        marks = [
            name
            for name, is_so in {"admin": ADMIN in user.scopes, "disabled": user.disabled}.items()
            if is_so
        ]
        typer.echo("  ".join([user.username, *(f"({mark})" for mark in marks)]))


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _run(database_url: str, work: Callable[[UserStore], Awaitable[T]]) -> T:
    return run(database_url, lambda database: work(UserStore(database)))
