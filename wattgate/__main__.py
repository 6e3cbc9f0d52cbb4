"""`python -m wattgate`: the same as the `wattgate` command."""

from wattgate.cli import app

app(prog_name="wattgate")
