"""`wattgate clients`: which programs may log in."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from services.gateway.policy import FORECAST, MODELS_READ, SCOPES
from services.gateway.store.clients import CLIENT_CREDENTIALS, GRANTS, ClientStore
from wattgate.cli.accounts import Name, add_commands
from wattgate.cli.database import LOCAL, DatabaseUrl, known_scopes, run

app = typer.Typer(help="Add, disable and list the programs that log in with a secret.", no_args_is_help=True)
add_commands(app, ClientStore)

T = TypeVar("T")


def _known_grants(grants: list[str]) -> list[str]:
    for grant in grants:
        if grant not in GRANTS:
            raise typer.BadParameter(f"{grant!r} is none of {', '.join(GRANTS)}")
    return grants


@app.command()
def add(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(callback=known_scopes, help=f"May be given more than once: {', '.join(SCOPES)}."),
    ] = [FORECAST, MODELS_READ],  # noqa: B006 - typer reads it, nobody changes it
    grant: Annotated[
        list[str],
        typer.Option(callback=_known_grants, help=f"May be given more than once: {', '.join(GRANTS)}."),
    ] = [CLIENT_CREDENTIALS],  # noqa: B006
    database_url: DatabaseUrl = LOCAL,
) -> None:
    """Add a client, and show its secret, once."""
    secret = _run(database_url, lambda clients: clients.add(name, grants=grant, scopes=scope))
    typer.echo(secret)


@app.command("new-secret")
def new_secret(name: Name, database_url: DatabaseUrl = LOCAL) -> None:
    """Give a client another secret and show it; tokens that the old one gave end."""
    typer.echo(_run(database_url, lambda clients: clients.new_secret(name)))


@app.command("list")
def list_clients(database_url: DatabaseUrl = LOCAL) -> None:
    """Every client, its grants, its scopes, and whether it is disabled."""
    for client in _run(database_url, lambda clients: clients.all()):
        disabled = "  (disabled)" if client.disabled else ""
        typer.echo(
            f"{client.name}  {' '.join(sorted(client.grants))}: {' '.join(sorted(client.scopes))}{disabled}"
        )


def _run(database_url: str, work: Callable[[ClientStore], Awaitable[T]]) -> T:
    return run(database_url, lambda database: work(ClientStore(database)))
