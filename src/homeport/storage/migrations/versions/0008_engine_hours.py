"""Requests say how long an own engine worked; each hour of an engine pool has its bill."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("requests", sa.Column("engine_ns", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "engine_hours",
        sa.Column("engine", sa.String(160), primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("hourly", sa.BigInteger, nullable=False),
        sa.Column("slots", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("engine_hours")
    op.drop_column("requests", "engine_ns")
