"""Which gateway a command calls, and as whom."""

import json
from pathlib import Path
from typing import Annotated

import typer

from wattgate.client import HttpsClient

Server = Annotated[
    str | None,
    typer.Option(
        envvar="WATTGATE_SERVER",
        help="URL of the gateway; by default the one that `wattgate serve` runs in this folder.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(envvar="WATTGATE_TOKEN", help="Access token, from POST /token.", show_envvar=True),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        envvar="WATTGATE_CA_FILE",
        exists=True,
        dir_okay=False,
        help="PEM of the authority that signed its certificate; by default those that the system trusts.",
    ),
]

DEMO = Path("var/demo.json")
"""What `wattgate serve` writes while it runs."""


def connect(server: str | None, token: str | None, ca_file: Path | None, timeout_s: float) -> HttpsClient:
    """A client of the gateway that is named, or of the one that runs here.

    Raises BadParameter where there is neither, or no token for the one named.
    """
    if server is None:
        return _of_this_folder(timeout_s)
    if token is None:
        raise typer.BadParameter("a gateway that is named needs a token: --token, or WATTGATE_TOKEN")
    return HttpsClient(server, token, ca_file=ca_file, timeout_s=timeout_s)


def _of_this_folder(timeout_s: float) -> HttpsClient:
    if not DEMO.exists():
        raise typer.BadParameter(
            "no gateway is named and none runs here: give --server and --token, or start one: wattgate serve"
        )
    demo = json.loads(DEMO.read_text())
    client = HttpsClient(demo["https"], ca_file=Path(demo["ca_file"]), timeout_s=timeout_s)
    client.login(demo["username"], demo["password"])
    return client
