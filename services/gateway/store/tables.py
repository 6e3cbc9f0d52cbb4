"""What is kept of users and clients. Changes go with a migration (store/migrations/versions)."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, String, Table

METADATA = MetaData()

USERS = Table(
    "users",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("password_hash", String(128), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("scopes", String(256), nullable=False),
    Column("tokens_from_s", Integer, nullable=False),
)

CLIENTS = Table(
    "clients",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("grants", String(256), nullable=False),
    Column("scopes", String(256), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("tokens_from_s", Integer, nullable=False),
)

LOGIN_FAILURES = Table(
    "login_failures",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since_s", Integer, nullable=False),
    Column("until_s", Integer, nullable=False),
)
