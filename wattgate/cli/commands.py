"""Which commands there are. Each is loaded when it is asked for: those that serve need packages, and time,
that those who only call a gateway do not have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from wattgate.cli.failures import Exit


@dataclass(frozen=True)
class _Where:
    """A command that is not loaded yet."""

    module: str
    name: str
    """Of its function, or of its app of several commands."""
    extra: str = ""
    """That has the packages it needs, where those of the client are not enough."""
    settings: Mapping[str, Any] = field(default_factory=dict)


_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}

_COMMANDS = {
    "login": _Where("login", "login"),
    "logout": _Where("login", "logout"),
    "forecast": _Where("forecast", "forecast"),
    "backtest": _Where("backtest", "backtest", "training"),
    "models": _Where("models", "models"),
    "doctor": _Where("doctor", "doctor"),
    "serve": _Where("serve", "serve", "gateway,serving"),
    "users": _Where("users", "app", "gateway"),
    "clients": _Where("clients", "app", "gateway"),
    "certs": _Where("certs", "certs", "gateway"),
    "train": _Where(
        "train",
        "train",
        "training",
        {"add_help_option": False, "context_settings": _ANYTHING},
    ),
    "publish": _Where("publishing", "publish", "training"),
    "promote": _Where("publishing", "promote", "training"),
    "rollback": _Where("publishing", "rollback", "training"),
}


class Commands(TyperGroup):
    """Loads them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of a first use."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; None where there is none of that name."""
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            self.add_command(_loaded(cmd_name, _COMMANDS[cmd_name]), cmd_name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str, where: _Where) -> Any:
    settings = where.settings
    try:
        found = getattr(import_module(f"wattgate.cli.{where.module}"), where.name)
    except ModuleNotFoundError as error:
        if not where.extra:
            raise
        found, settings = _not_installed(where.extra, str(error)), {"context_settings": _ANYTHING}
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name, **settings)(found)
    return typer.main.get_group(alone).commands[name]


def _not_installed(extra: str, why: str) -> Callable[[], None]:
    def needs() -> None:
        typer.echo(f"This needs more packages: pip install 'wattgate[{extra}]' ({why})", err=True)
        raise typer.Exit(Exit.FAILED)

    needs.__doc__ = f"Not installed: pip install 'wattgate[{extra}]'."
    return needs
