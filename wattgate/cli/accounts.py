"""What `wattgate users` and `wattgate clients` do alike."""

from typing import Annotated, Any

import typer

from services.gateway.store.accounts import Accounts
from wattgate.cli.database import LOCAL, DatabaseUrl, run

Name = Annotated[str, typer.Argument(help="The name it logs in with; case does not matter.")]


def add_commands(app: typer.Typer, accounts: type[Accounts[Any]]) -> None:
    """Add `disable`, `enable` and `end-tokens` for these accounts."""
    kind = accounts.kind

    @app.command(help=f"Keep a {kind} out: no new token, and those given out are refused from now on.")
    def disable(name: Name, database_url: DatabaseUrl = LOCAL) -> None:
        run(database_url, lambda database: accounts(database).set_disabled(name, disabled=True))
        typer.echo(f"Disabled {name}.")

    @app.command(help=f"Let a disabled {kind} in again.")
    def enable(name: Name, database_url: DatabaseUrl = LOCAL) -> None:
        run(database_url, lambda database: accounts(database).set_disabled(name, disabled=False))
        typer.echo(f"Enabled {name}.")

    @app.command(
        "end-tokens",
        help=f"Refuse all tokens a {kind} was given so far, as after one leaked; it may log in again.",
    )
    def end_tokens(name: Name, database_url: DatabaseUrl = LOCAL) -> None:
        run(database_url, lambda database: accounts(database).end_tokens(name))
        typer.echo(f"Ended the tokens of {name}.")
