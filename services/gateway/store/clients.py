"""Clients: programs that log in with a secret, each with what it may ask for."""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from services.gateway.store.database import Database
from services.gateway.store.tables import CLIENTS
from services.gateway.store.users import (
    MAX_NAME,
    UserError,
    UserNotFoundError,
    end_of_now,
    is_name,
    normalised,
)

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


class ClientStore:
    """Clients by name and by id."""

    def __init__(self, database: Database) -> None:
        """In this database."""
        self._database = database

    async def by_name(self, name: str) -> Client | None:
        """The client of a name, however it is cased."""
        name = normalised(name)
        return await self._one(CLIENTS.c.name == name) if is_name(name) else None

    async def by_id(self, client_id: str) -> Client | None:
        """The client of an id."""
        return await self._one(CLIENTS.c.id == client_id)

    async def all(self) -> list[Client]:
        """Every client, by name."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(_QUERY.order_by(CLIENTS.c.name))
            return [_client(row) for row in rows]

    async def add(self, name: str, *, grants: Iterable[str], scopes: Iterable[str]) -> str:
        """Add a client; its secret, which nobody can tell again. Raises UserError."""
        name = normalised(name)
        if not is_name(name) or ":" in name:
            raise UserError(f"a client's name has 1 to {MAX_NAME} printable characters and no colon")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        row = {
            "id": uuid.uuid4().hex,
            "name": name,
            "secret_hash": _hashed(secret),
            "grants": " ".join(sorted(grants)),
            "scopes": " ".join(sorted(scopes)),
            "disabled": False,
            "created_at": datetime.now(UTC),
            "tokens_from_s": 0,
        }
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(CLIENTS).values(row))
        except IntegrityError:
            raise UserError(f"there is a client {name!r} already") from None
        return secret

    async def new_secret(self, name: str) -> str:
        """Another secret in the old one's place; tokens that the old one gave end. Raises UserError."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self._change(name, secret_hash=_hashed(secret), tokens_from_s=end_of_now())
        return secret

    async def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Keep a client out, or let it in again. Raises UserError."""
        await self._change(name, disabled=disabled)

    async def _change(self, name: str, **columns: Any) -> None:
        change = update(CLIENTS).where(CLIENTS.c.name == normalised(name)).values(**columns)
        async with self._database.transaction() as connection:
            if (await connection.execute(change)).rowcount == 0:
                raise UserNotFoundError(f"there is no client {name!r}")

    async def _one(self, condition: Any) -> Client | None:
        async with self._database.transaction() as connection:
            row = (await connection.execute(_QUERY.where(condition))).one_or_none()
        return None if row is None else _client(row)


_QUERY = select(
    CLIENTS.c.id,
    CLIENTS.c.name,
    CLIENTS.c.secret_hash,
    CLIENTS.c.grants,
    CLIENTS.c.scopes,
    CLIENTS.c.disabled,
    CLIENTS.c.tokens_from_s,
)


def _client(row: Any) -> Client:
    return Client(
        row.id,
        row.name,
        row.secret_hash,
        frozenset(row.grants.split()),
        frozenset(row.scopes.split()),
        row.disabled,
        row.tokens_from_s,
    )


def _hashed(secret: str) -> str:
    """Of a random secret of 256 bits one hash is as good as many."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
