"""`wattgate certs`: certificates between gateways and model servers."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.local.between import AuthorityError, Between, expiry


def certs(
    out: Annotated[Path, typer.Option(help="Folder for them.")] = Path("var/certs"),
    model_server: Annotated[
        list[str], typer.Option(help="Host or address of model servers; may be given more than once.")
    ] = ["localhost", "127.0.0.1", "model-server"],  # noqa: B006 - typer reads it, nobody changes it
    gateway: Annotated[str, typer.Option(help="The name that gateways go by.")] = "gateway.wattgate.internal",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long they are good.")] = 30,
) -> None:
    """Make or renew certificates by which gateways and model servers know each other, and nobody else.

    Run it again and again, from cron say: what is there stays until two thirds of its life are over.
    Services read them at start.
    """
    files = Between(out)
    try:
        written = files.ensure(gateway, model_server, timedelta(days=days))
    except (AuthorityError, OSError, ValueError) as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None
    for file in (files.ca, files.gateway, files.model_server):
        typer.echo(f"{'new ' if file in written else 'kept'}  {file}, good until {expiry(file):%Y-%m-%d}")
    if written:
        typer.echo(
            f"""
Model servers:  --ssl_config_file={files.ssl_config}
  embedded too  --allowed_client_names={gateway}
Gateways:       GATEWAY_MODEL_SERVER_CA={files.ca}
                GATEWAY_MODEL_SERVER_CERTIFICATE={files.gateway}
                GATEWAY_MODEL_SERVER_KEY={files.gateway_key}

Restart them, one after another. Keep {files.ca_key} away from both: who has it can be either."""
        )
