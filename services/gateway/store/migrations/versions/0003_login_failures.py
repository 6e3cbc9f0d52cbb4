"""Failed logins, so that all gateways of a database throttle as one."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Nobody has failed yet."""
    op.create_table(
        "login_failures",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since_s", sa.Integer, nullable=False),
        sa.Column("until_s", sa.Integer, nullable=False),
    )
