"""`wattgate login` and `logout`."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from wattgate.cli.connection import CaFile, Gateway, Server, can_ask, find_gateway, log_in
from wattgate.cli.failures import told
from wattgate.cli.logins import forget, logins
from wattgate.cli.settings import read_settings


def login(
    server: Server = None,
    username: Annotated[str | None, typer.Option(help="Whose login it is.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    ca_file: CaFile = None,
) -> None:
    """Log in to a gateway; asks for what is not given. Later commands go there, and use the token.

    The token is kept until it runs out, in a file of your own; the password is not.
    """
    settings = read_settings()
    server = server or settings.server or _asked("Server, e.g. https://localhost:8443", "--server")
    gateway = find_gateway(server, ca_file, settings)
    username = username or _asked("User", "--username")
    password = _password(username, from_stdin=password_stdin)
    with told():
        known = log_in(gateway, username, password)
    _say(known)


def logout(server: Server = None) -> None:
    """Forget the login at a gateway: by default the last one."""
    server = server or read_settings().server
    if server is None:
        server = kept[-1].server if (kept := logins()) else ""
    with told():
        was_there = forget(server.rstrip("/"))
    typer.echo(f"Logged out of {server}." if was_there else "You are not logged in.")


def _asked(what: str, option: str) -> str:
    if not can_ask():
        raise typer.BadParameter(f"there is no terminal to ask at: give {option}", param_hint=option)
    answer: str = typer.prompt(what, err=True)
    return answer


def _password(username: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not can_ask():
        raise typer.BadParameter("there is no terminal to ask at: give --password-stdin")
    answer: str = typer.prompt(f"Password of {username}", hide_input=True, err=True)
    return answer


def _say(gateway: Gateway) -> None:
    assert gateway.login is not None  # noqa: S101 - it was just made
    until, now = gateway.login.until, datetime.now(UTC)
    typer.echo(
        f"Logged in to {gateway.server} as {gateway.login.username} until {until.astimezone():%H:%M} "
        f"({(until - now).total_seconds() / 60:.0f} minutes). Next: wattgate forecast FILE"
    )
