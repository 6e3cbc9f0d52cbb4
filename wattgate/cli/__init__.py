"""The `wattgate` command."""

import typer

from wattgate.cli import backtest, certs, clients, models, own_model, serve, train, users

app = typer.Typer(
    help="Forecasts of load, served over HTTPS and gRPC.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("certs")(certs.certs)
app.command("train", add_help_option=False, context_settings=train.PASSED_ON)(train.train)
app.command("backtest")(backtest.backtest)
app.command("models")(models.models)
app.command("import")(own_model.import_model)
app.command("publish")(models.publish)
app.command("promote")(models.promote)
app.command("rollback")(models.rollback)
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
