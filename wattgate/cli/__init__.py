"""The `wattgate` command."""

import typer

from wattgate.cli import certs, clients, serve, users

app = typer.Typer(
    help="Forecasts of the next two hours of load, served over HTTPS and gRPC.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("certs")(certs.certs)
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
