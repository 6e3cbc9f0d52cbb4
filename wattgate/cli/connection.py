"""Which gateway a command calls, and as whom."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import typer

from wattgate.cli.logins import Login, keep, login_of, logins
from wattgate.cli.settings import Settings, read_settings
from wattgate.client import Client, ModelList
from wattgate.errors import Unauthorized, WattgateError

T = TypeVar("T")

Server = Annotated[
    str | None,
    typer.Option(
        envvar="WATTGATE_SERVER",
        help="URL of the gateway; by default that of the config file, or the one that `wattgate serve` runs "
        "in this folder, or the last one that you logged in to.",
    ),
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
_GRPC_PORT = 8444
_TOKEN = "WATTGATE_TOKEN"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True)
class Gateway:
    """A gateway that is called, and by what."""

    server: str
    grpc: str
    ca_file: Path | None
    named_by: str
    """In words."""
    token: str | None = field(default=None, repr=False)
    """That of the environment, or of a login."""
    login: Login | None = None
    """Whose token that is."""
    password: tuple[str, str] | None = field(default=None, repr=False)
    """Name and password, where they are known."""

    def client(self, *, over_grpc: bool = False, timeout_s: float = 10.0) -> Client:
        """A client of it."""
        username, password = self.password or (None, None)
        return Client(
            self.server,
            grpc=self.grpc if over_grpc else None,
            token=self.token,
            username=username,
            password=password,
            ca_file=self.ca_file,
            timeout_s=timeout_s,
        )


def find_gateway(server: str | None, ca_file: Path | None, settings: Settings | None = None) -> Gateway:
    """The gateway that is named, or that runs in this folder, or that was logged in to last.

    Ends the command where there is none, or its name cannot be one.
    """
    settings = settings or read_settings()
    ca_file = ca_file or (Path(settings.ca_file).expanduser() if settings.ca_file else None)
    try:
        gateway = _found(server, ca_file, settings)
        gateway.client().close()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    return gateway


def _found(server: str | None, ca_file: Path | None, settings: Settings) -> Gateway:
    if server:
        return _named(server, settings, ca_file, "an option or the environment")
    if settings.server:
        return _named(settings.server, settings, ca_file, "the config file")
    if DEMO.exists():
        return _of_this_folder(settings)
    if kept := logins():
        return _named(kept[-1].server, settings, ca_file, "the last login")
    raise typer.BadParameter(
        "no gateway is named and none runs here: log in to one (wattgate login), name one (--server, "
        "WATTGATE_SERVER or the config file), or start one: wattgate serve"
    )


def _named(server: str, settings: Settings, ca_file: Path | None, named_by: str) -> Gateway:
    server = (server if "://" in server else f"https://{server}").rstrip("/")
    login = login_of(server)
    if ca_file is None and login and login.ca_file:
        ca_file = Path(login.ca_file)
    host = urlsplit(server).hostname or ""
    grpc = settings.grpc or f"{f'[{host}]' if ':' in host else host}:{_GRPC_PORT}"
    if token := os.environ.get(_TOKEN, "").strip():
        return Gateway(server, grpc, ca_file, named_by, token)
    kept = None if login is None or login.has_run_out else login.access_token
    return Gateway(server, grpc, ca_file, named_by, kept, login)


def _of_this_folder(settings: Settings) -> Gateway:
    demo = json.loads(DEMO.read_text())
    return Gateway(
        demo["https"],
        settings.grpc or demo["grpc"],
        Path(demo["ca_file"]),
        f"{DEMO}, as it runs in this folder",
        password=(demo["username"], demo["password"]),
    )


def call(gateway: Gateway, work: Callable[[Gateway], T]) -> T:
    """What `work` answers; who has to log in, or again, is asked for the password on a terminal.

    Elsewhere it raises Unauthorized.
    """
    if gateway.token is None and gateway.password is None:
        gateway = _asked(gateway, _why(gateway))
    try:
        return work(gateway)
    except Unauthorized as error:
        if gateway.password or not gateway.login:
            raise
        gateway = _asked(gateway, str(error))
    return work(gateway)


def _why(gateway: Gateway) -> str:
    if gateway.login is None:
        return f"You are not logged in to {gateway.server}"
    login = gateway.login
    return f"The login of {login.username} at {login.server} ran out at {login.until.astimezone():%R}"


def _asked(gateway: Gateway, why: str) -> Gateway:
    """The gateway, logged in to. Raises Unauthorized where nobody can be asked."""
    if not can_ask():
        raise Unauthorized(why)
    typer.echo(f"{why}.", err=True)
    username = gateway.login.username if gateway.login else typer.prompt("User", err=True)
    return log_in(gateway, username, typer.prompt(f"Password of {username}", hide_input=True, err=True))


def can_ask() -> bool:
    """Whether somebody sits there."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def log_in(gateway: Gateway, username: str, password: str) -> Gateway:
    """The gateway by a new token, which is kept. Raises WattgateError, or OSError where it cannot be."""
    with Client(gateway.server, username=username, password=password, ca_file=gateway.ca_file) as client:
        token = client.login()
    ca_file = str(gateway.ca_file.resolve()) if gateway.ca_file else None
    login = Login(gateway.server, username, token.access_token, token.expires_at.isoformat(), ca_file)
    keep(login)
    return replace(gateway, token=token.access_token, login=login, password=(username, password))


def served(gateway: Gateway) -> ModelList:
    """What it serves."""

    def ask(gateway: Gateway) -> ModelList:
        with gateway.client() as client:
            return client.models()

    return call(gateway, ask)


def complete_model(incomplete: str) -> list[str]:
    """Names of models for a shell to complete: those of the gateway that would be called."""
    try:
        with find_gateway(None, None).client(timeout_s=1.0) as client:
            names = [model.name for model in client.models()]
    except (WattgateError, OSError, ValueError, typer.Exit, typer.BadParameter):
        return []  # there is nobody to tell
    return [name for name in names if name.startswith(incomplete)]


ModelName = Annotated[
    str | None,
    typer.Option(
        envvar="WATTGATE_MODEL",
        help="Name of the model, e.g. gru; by default the gateway's own choice.",
        autocompletion=complete_model,
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--tz",
        envvar="WATTGATE_TIME_ZONE",
        help="Zone of times without an offset, e.g. Europe/Berlin; by default the model's own.",
    ),
]
