"""Requests, journal offsets, keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("surface", sa.String(32), nullable=False),
        *[
            sa.Column(name, sa.String(160), nullable=False)
            for name in ("requested_model", "tier", "target", "upstream", "model")
        ],
        sa.Column("local", sa.Boolean, nullable=False),
        sa.Column("data_class", sa.String(16), nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(160), nullable=False),
        *[
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
        ],
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.Column("price_source", sa.String(160), nullable=False),
        sa.Column("latency_ns", sa.BigInteger, nullable=False),
        sa.Column("ttft_ns", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Text, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["started_at"])
    op.create_index("requests_by_key", "requests", ["key_id", "started_at"])
    op.create_table(
        "journal_offsets",
        sa.Column("segment", sa.String(80), primary_key=True),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
        sa.Column("data_class", sa.String(16), nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("tiers", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("keys", "journal_offsets", "requests"):
        op.drop_table(table)
