"""`wattgate serve`: both services on this machine."""

import os
import signal
import sys
import time
from pathlib import Path
from shutil import which
from typing import Annotated

import typer
from rich.console import Console

from services.local.pair import Demo, Pair, PairError, Ports, running_pair
from wattgate.cli.connection import DEMO

_console = Console(highlight=False)

_SAMPLE = "samples/supermarket.csv"


def serve(
    https_port: Annotated[
        int, typer.Option(envvar="HTTPS_PORT", min=1, max=65535, help="Port of the HTTPS edge.")
    ] = 8443,
    grpc_port: Annotated[
        int, typer.Option(envvar="GRPC_PORT", min=1, max=65535, help="Port of the gRPC edge.")
    ] = 8444,
    model_server_port: Annotated[
        int, typer.Option(envvar="MODEL_SERVER_PORT", min=1, max=65535, help="Port of the model server.")
    ] = 8500,
    models: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Model repository: <model>/<version>/.")
    ] = Path("models"),
    workers: Annotated[
        int, typer.Option(min=1, help="Processes of the gateway, for machines with many cores.")
    ] = 1,
    folder: Annotated[
        Path, typer.Option("--var", help="Certificates, keys, users and logs; made on first use.")
    ] = Path("var"),
) -> None:
    """Start model server and gateway, print the URLs and a login; Ctrl-C stops both."""
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    ports = Ports(https_port, grpc_port, model_server_port)
    try:
        with (
            _console.status("Starting") as status,
            running_pair(folder, ports, models, workers=workers, progress=status.update) as pair,
        ):
            status.stop()
            _say_what_to_do(pair.demo(), pair.model_names(), folder)
            _watch(pair)
    except PairError as error:
        _console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _console.print("Stopped.")


def _watch(pair: Pair) -> None:
    while True:
        time.sleep(1)
        pair.check_alive()


def _say_what_to_do(demo: Demo, models: list[str], folder: Path) -> None:
    ours = Path(sys.executable).with_name("wattgate")
    command = "wattgate" if which("wattgate") == str(ours) else os.path.relpath(ours)
    tries = f"{command} forecast {_SAMPLE}"
    if folder / "demo.json" != DEMO:
        named = f"--server {demo.https} --ca-file {demo.ca_file} --username {demo.username}"
        tries = f"{command} login {named}\n  {tries}"
    _console.print(
        f"""
Wattgate serves {", ".join(models)}.

  HTTPS  {demo.https}       (a page to open in a browser; the API at {demo.https}/docs)
  gRPC   {demo.grpc}
  Login  {demo.username} / {demo.password}
  Trust  {demo.ca_file}

Try it from a second terminal:

  {tries}

Ctrl-C stops both services.
""",
        markup=False,
        soft_wrap=True,
    )
