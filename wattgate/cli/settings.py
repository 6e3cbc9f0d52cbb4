"""What need not be said again and again: the config file, and what is in the environment beside options.

An option counts before the environment, and that before the file.
"""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import typer

from wattgate.cli.failures import Exit


def config_file() -> Path:
    """Where it is: ~/.config/wattgate/config.toml, unless XDG_CONFIG_HOME is elsewhere."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "wattgate" / "config.toml"


@dataclass(frozen=True)
class Settings:
    """Of the config file; None where it does not say."""

    server: str | None = None
    """URL of the gateway."""
    grpc: str | None = None
    """host:port of its gRPC edge; by default the server's host and port 8444."""
    ca_file: str | None = None
    """PEM of the authority that signed its certificate."""
    model: str | None = None
    """Name of the model that forecasts."""
    time_zone: str | None = None
    """Zone of times without an offset."""


def read_settings() -> Settings:
    """The file's, and for the gRPC edge the environment's. Ends the command where the file is no good."""
    file, known = config_file(), {field.name for field in fields(Settings)}
    try:
        said = tomllib.loads(file.read_text())
    except FileNotFoundError:
        said = {}
    except (OSError, ValueError) as error:
        raise _no_good(file, str(error)) from None
    for name, value in said.items():
        if name not in known:
            raise _no_good(file, f"there is no setting {name!r}; there are {', '.join(sorted(known))}")
        if not isinstance(value, str) or not value:
            raise _no_good(file, f"{name} is {value!r}: it is a text in quotes")
    return Settings(**{**said, "grpc": os.environ.get("WATTGATE_GRPC") or said.get("grpc")})


def _no_good(file: Path, why: str) -> typer.Exit:
    typer.echo(f"{file} cannot be used: {why}", err=True)
    return typer.Exit(Exit.USAGE)
