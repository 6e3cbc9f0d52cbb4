"""What commands that change the database of users and clients share."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from services.core.errors import UserStoreUnavailableError
from services.gateway.policy import SCOPES
from services.gateway.secret_files import read_secret
from services.gateway.store.database import Database

T = TypeVar("T")

LOCAL = "sqlite:///var/users.db"


def _meant(named: str) -> str:
    """The database that is named, else the one that the gateway whose settings are here reads from a file."""
    file = os.environ.get("GATEWAY_DATABASE_URL_FILE")
    if named != LOCAL or not file:
        return named
    try:
        return read_secret(Path(file)).decode().strip()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"GATEWAY_DATABASE_URL_FILE: {error}") from None


DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="GATEWAY_DATABASE_URL",
        callback=_meant,
        help="The gateway's database: sqlite:///path or postgresql://user:password@host/database.",
    ),
]


def run(database_url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` answers; what cannot be done is said, and ends the command."""

    async def with_database() -> T:
        database = Database(database_url)
        try:
            await database.migrate()
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(with_database())
    except (UserStoreUnavailableError, ValueError) as error:  # names and passwords that will not do, too
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None


def known_scopes(scopes: list[str]) -> list[str]:
    """The scopes. Raises typer.BadParameter where one is none."""
    for scope in scopes:
        if scope not in SCOPES:
            raise typer.BadParameter(f"{scope!r} is none of {', '.join(SCOPES)}")
    return scopes
