"""What users and clients have in common: a name, scopes, and tokens that can be ended."""

import time
import unicodedata
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import Column, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.gateway.store.database import Database

MAX_NAME = 64

Account = TypeVar("Account")


class AccountError(ValueError):
    """A change that cannot be made; the message says why."""


class AccountNotFoundError(AccountError):
    """There is nobody of that name."""


class Accounts(ABC, Generic[Account]):
    """The accounts of one table, by name and by id."""

    kind: ClassVar[str]
    """What they are called in errors."""
    table: ClassVar[Table]
    name: ClassVar[Column[str]]

    def __init__(self, database: Database) -> None:
        """In this database."""
        self._database = database

    @abstractmethod
    def _account(self, row: Any) -> Account:
        """The account of a row."""

    async def by_name(self, name: str) -> Account | None:
        """The account of a name, however it is cased."""
        name = normalised(name)
        return await self._one(self.name == name) if _is_name(name) else None

    async def by_id(self, id_: str) -> Account | None:
        """The account of an id."""
        return await self._one(self.table.c.id == id_)

    async def all(self) -> list[Account]:
        """All, by name."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(select(self.table).order_by(self.name))
            return [self._account(row) for row in rows]

    async def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Keep somebody out, whose tokens end with that, or let it in again. Raises AccountNotFoundError."""
        await self._change(name, disabled=disabled)

    async def end_tokens(self, name: str, **changed: Any) -> None:
        """No token issued until now counts any more, whatever else changes with that.

        Tokens tell the second they were issued in: until the end of the one that runs. Raises
        AccountNotFoundError.
        """
        await self._change(name, ends_tokens=True, **changed)

    async def _add(self, name: str, scopes: Iterable[str], **columns: Any) -> dict[str, Any]:
        """The row that was added. Raises AccountError where the name is taken, empty or too long."""
        name = normalised(name)
        if not _is_name(name):
            raise AccountError(f"a {self.kind}'s name has 1 to {MAX_NAME} printable characters")
        row = {
            "id": uuid.uuid4().hex,
            self.name.key: name,
            "scopes": " ".join(sorted(scopes)),
            "disabled": False,
            "created_at": datetime.now(UTC),
            "tokens_from_s": 0,
            **columns,
        }
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(self.table).values(row))
        except IntegrityError:
            raise AccountError(f"there is a {self.kind} {name!r} already") from None
        return row

    async def _change(self, name: str, *, ends_tokens: bool = False, **columns: Any) -> None:
        if ends_tokens or columns.get("disabled"):
            columns["tokens_from_s"] = int(time.time()) + 1
        change = update(self.table).where(self.name == normalised(name)).values(**columns)
        async with self._database.transaction() as connection:
            if (await connection.execute(change)).rowcount == 0:
                raise AccountNotFoundError(f"there is no {self.kind} {name!r}")

    async def _one(self, condition: Any) -> Account | None:
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(self.table).where(condition))).one_or_none()
        return None if row is None else self._account(row)


def normalised(name: str) -> str:
    """One spelling per name: Unicode NFKC, case folded."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isprintable()
