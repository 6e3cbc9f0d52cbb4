"""The `wattgate` command."""

import typer

from wattgate.cli.commands import Commands
from wattgate.cli.failures import EXIT_CODES

app = typer.Typer(
    cls=Commands,
    help="Forecasts of the next two hours of load, served over HTTPS and gRPC.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _wattgate() -> None:
    pass  # nothing comes before a command; it makes the app one of several commands
