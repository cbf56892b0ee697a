"""Requests say how many tokens were written to a prompt cache: their price is not that of other input."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("requests", sa.Column("cache_write_tokens", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("requests", "cache_write_tokens")
