"""Clients: programs that log in with a secret, each with what it may ask for."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.gateway.store.accounts import AccountError, Accounts
from services.gateway.store.tables import CLIENTS

PASSWORD, CLIENT_CREDENTIALS = "password", "client_credentials"
GRANTS = (CLIENT_CREDENTIALS, PASSWORD)

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Client:
    """A row of the table."""

    id: str
    """Never used again, not even for a client of the same name."""
    name: str
    """What it logs in with: OAuth2's `client_id`."""
    secret_hash: str
    grants: frozenset[str]
    scopes: frozenset[str]
    disabled: bool
    tokens_from_s: int
    """Tokens issued before do not count; Unix time."""

    def has_secret(self, secret: str) -> bool:
        """Whether this is its secret, in a time that tells nothing of it."""
        return hmac.compare_digest(self.secret_hash, _hashed(secret))


class ClientStore(Accounts[Client]):
    """Clients by name and by id."""

    kind, table, name = "client", CLIENTS, CLIENTS.c.name

    def _account(self, row: Any) -> Client:
        grants, scopes = frozenset(row.grants.split()), frozenset(row.scopes.split())
        return Client(row.id, row.name, row.secret_hash, grants, scopes, row.disabled, row.tokens_from_s)

    async def add(self, name: str, *, grants: Iterable[str], scopes: Iterable[str]) -> str:
        """Add a client; its secret, which nobody can tell again. Raises AccountError."""
        if ":" in name:  # as HTTP Basic has it between name and secret
            raise AccountError("a client's name has no colon")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self._add(name, scopes, grants=" ".join(sorted(grants)), secret_hash=_hashed(secret))
        return secret

    async def new_secret(self, name: str) -> str:
        """Another secret; tokens that the old one gave end. Raises AccountNotFoundError."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self.end_tokens(name, secret_hash=_hashed(secret))
        return secret


def _hashed(secret: str) -> str:
    """Of a random secret of 256 bits one hash is as good as many."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
