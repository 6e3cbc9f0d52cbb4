"""Scopes of users, clients with secrets, and the time before which tokens do not count."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Users so far may do what they could."""
    scopes = sa.Column(
        "scopes", sa.String(256), nullable=False, server_default="forecast models:read tensors"
    )
    op.add_column("users", scopes)
    op.add_column("users", sa.Column("tokens_from_s", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "clients",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("grants", sa.String(256), nullable=False),
        sa.Column("scopes", sa.String(256), nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tokens_from_s", sa.Integer, nullable=False),
    )
