"""`wattgate users`: who may log in."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from services.core.errors import UserStoreUnavailableError
from services.gateway.passwords import PasswordRuleError, check_rules, hash_password
from services.gateway.users import UserError, UserStore

app = typer.Typer(help="Add, disable and list the users of a gateway.", no_args_is_help=True)

T = TypeVar("T")

Username = Annotated[str, typer.Argument(help="Name the user logs in with; case does not matter.")]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="GATEWAY_DATABASE_URL",
        help="The gateway's user table: sqlite:///path or postgresql://user:password@host/database.",
    ),
]
_LOCAL = "sqlite:///var/users.db"


@app.command()
def add(
    username: Username,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    database_url: DatabaseUrl = _LOCAL,
) -> None:
    """Add a user; asks for the password."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)

    async def work(users: UserStore) -> None:
        check_rules(password)
        await users.add(username, await hash_password(password))

    _run(database_url, work)
    typer.echo(f"Added {username}.")


@app.command()
def disable(username: Username, database_url: DatabaseUrl = _LOCAL) -> None:
    """Keep a user out: no new token, and those given out are refused from now on."""
    _run(database_url, lambda users: users.change(username, disabled=True))
    typer.echo(f"Disabled {username}.")


@app.command()
def enable(username: Username, database_url: DatabaseUrl = _LOCAL) -> None:
    """Let a disabled user in again."""
    _run(database_url, lambda users: users.change(username, disabled=False))
    typer.echo(f"Enabled {username}.")


@app.command("list")
def list_users(database_url: DatabaseUrl = _LOCAL) -> None:
    """Every user and whether it is disabled."""
    for username, disabled in _run(database_url, lambda users: users.names()):
        typer.echo(f"{username}{'  (disabled)' if disabled else ''}")


def _run(database_url: str, work: Callable[[UserStore], Awaitable[T]]) -> T:
    async def with_store() -> T:
        users = UserStore(database_url)
        try:
            await users.create()
            return await work(users)
        finally:
            await users.close()

    try:
        return asyncio.run(with_store())
    except (UserError, PasswordRuleError, UserStoreUnavailableError, ValueError) as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None
