"""The folder a pair on one machine lives in: certificates, keys, users, logs. Made on first use."""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.gateway.passwords import Passwords
from services.gateway.store.database import Database
from services.gateway.store.users import UserStore
from services.local.certificates import ensure_certificates, ensure_token_key, write_secret

DEMO_USER = "demo"


@dataclass(frozen=True)
class Home:
    """Where things are below the folder."""

    folder: Path

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that clients trust."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """Certificate of both of the gateway's ports."""
        return self.folder / "gateway.pem"

    @property
    def key(self) -> Path:
        """Private key of that certificate."""
        return self.folder / "gateway.key"

    @property
    def token_key(self) -> Path:
        """Private key that signs tokens."""
        return self.folder / "token.key"

    @property
    def pepper(self) -> Path:
        """The gateway's part in password hashes."""
        return self.folder / "password.pepper"

    @property
    def database_url(self) -> str:
        """The user table."""
        return f"sqlite:///{(self.folder / 'users.db').absolute()}"

    @property
    def model_config(self) -> Path:
        """The model server's list of models."""
        return self.folder / "models.config"

    @property
    def demo(self) -> Path:
        """What a client needs to know of a running pair; there only while it runs."""
        return self.folder / "demo.json"

    @property
    def demo_password(self) -> Path:
        """Password of the demo user."""
        return self.folder / "demo.password"

    def set_up(self) -> None:
        """Make whatever is not there yet in the folder."""
        ensure_certificates(self.ca_file, self.certificate, self.key)
        ensure_token_key(self.token_key)
        asyncio.run(self._ensure_demo_user())

    async def _ensure_demo_user(self) -> None:
        if not self.demo_password.exists():
            write_secret(self.demo_password, secrets.token_urlsafe(18).encode())
        password = self.demo_password.read_text()
        if not self.pepper.exists():
            write_secret(self.pepper, secrets.token_urlsafe(32).encode())
        passwords = Passwords(self.pepper.read_bytes())
        database = Database(self.database_url)
        users = UserStore(database)
        try:
            await database.migrate()
            user = await users.by_name(DEMO_USER)
            if user is None:
                await users.add(DEMO_USER, await passwords.hash(password, DEMO_USER))
            elif not await passwords.matches(password, user.password_hash):
                await users.set_password(DEMO_USER, await passwords.hash(password, DEMO_USER))
        finally:
            await database.close()
