"""Every setting of the gateway, as its settings class declares it."""

from collections.abc import Callable

from pydantic import BaseModel

from docs.reference.markdown import described, table
from docs.reference.schemas import members
from services.gateway.settings import Settings, TrustedIssuer


def settings() -> str:
    """The environment variables."""
    prefix = Settings.model_config["env_prefix"]
    return _fields(Settings, lambda name: f"{prefix}{name}".upper())


def trusted_issuer() -> str:
    """The members of a trusted issuer."""
    return _fields(TrustedIssuer, str)


def _fields(model: type[BaseModel], shown: Callable[[str], str]) -> str:
    rows = [
        [f"`{shown(name)}`", kind.removesuffix(" or null"), default, described(shown(name), says)]
        for name, kind, default, says in members(model.model_json_schema())
    ]
    return table(["setting", "type", "default", "what it is"], rows)
