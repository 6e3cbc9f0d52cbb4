"""Who failed to log in too often waits. Kept in the database: replicas count together, and restarts too."""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.store.database import Database
from services.gateway.store.tables import LOGIN_FAILURES


@dataclass(frozen=True)
class Rule:
    """So many failures within a time, then nothing for a time."""

    failures: int
    within_s: int
    wait_s: int


ACCOUNT_AND_ADDRESS = Rule(5, within_s=900, wait_s=900)
"""For an address that guesses one account's password: others may still log in to that account."""
ADDRESS = Rule(10, within_s=300, wait_s=300)
"""For one that tries a password on many accounts. Not for this machine's own, which all its users share."""
ACCOUNT = Rule(100, within_s=86_400, wait_s=900)
"""For many addresses that guess one account's password (NIST SP 800-63B: 100 at most)."""

_LONGEST_S = max(rule.within_s + rule.wait_s for rule in (ACCOUNT_AND_ADDRESS, ADDRESS, ACCOUNT))
_INSERT: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Throttle:
    """Counts the failures of accounts and addresses, whether there are such accounts or not."""

    def __init__(self, database: Database) -> None:
        """In this database."""
        self._database = database

    async def wait_s(self, account: str, address: str) -> int:
        """Seconds until an account may be tried from an address; 0: now."""
        query = select(LOGIN_FAILURES.c.until_s).where(LOGIN_FAILURES.c.key.in_(_rules(account, address)))
        async with self._database.transaction() as connection:
            until_s = [row.until_s for row in await connection.execute(query)]
        return max(max(until_s, default=0) - int(time.time()), 0)

    async def failed(self, account: str, address: str) -> None:
        """Count one more, and let whoever is over a rule wait."""
        now = int(time.time())
        async with self._database.transaction(immediate=True) as connection:
            await connection.execute(
                delete(LOGIN_FAILURES).where(LOGIN_FAILURES.c.since_s < now - _LONGEST_S)
            )
            for key, rule in _rules(account, address).items():
                first = {"key": key, "failures": 0, "since_s": now, "until_s": 0}
                await connection.execute(
                    _INSERT[connection.dialect.name](LOGIN_FAILURES).values(first).on_conflict_do_nothing()
                )
                query = select(LOGIN_FAILURES).where(LOGIN_FAILURES.c.key == key).with_for_update()
                row = (await connection.execute(query)).one()
                if row.until_s > now:
                    continue
                is_over = row.until_s > 0 or now - row.since_s > rule.within_s
                failures = 1 if is_over else row.failures + 1
                change = update(LOGIN_FAILURES).where(LOGIN_FAILURES.c.key == key)
                await connection.execute(
                    change.values(
                        failures=failures,
                        since_s=now if is_over else row.since_s,
                        until_s=now + rule.wait_s if failures >= rule.failures else 0,
                    )
                )

    async def succeeded(self, account: str, address: str) -> None:
        """Forget the account's failures: whoever knows the password may mistype it. Not the address's."""
        keys = [key for key, rule in _rules(account, address).items() if rule is not ADDRESS]
        async with self._database.transaction() as connection:
            await connection.execute(delete(LOGIN_FAILURES).where(LOGIN_FAILURES.c.key.in_(keys)))


def _rules(account: str, address: str) -> dict[str, Rule]:
    """The rules that hold, by the key that each counts under: of a fixed length, whatever was sent."""
    rules = {_key(account, address): ACCOUNT_AND_ADDRESS, _key(account, ""): ACCOUNT}
    if not _is_loopback(address):
        rules[_key("", address)] = ADDRESS
    return rules


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _key(account: str, address: str) -> str:
    # No address has a line break.
    return hashlib.sha256(f"{address}\n{account}".encode("utf-8", "surrogatepass")).hexdigest()
