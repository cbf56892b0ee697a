"""Requests say what a dearer tier would have cost, and decisions and feedback are kept to learn from.

The new column of `requests` is 0 in rows that are there already, so their hashes stay what they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for table, column in _NUMBERS:
        op.add_column(table, sa.Column(column, sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "decisions",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("decided", sa.String(160), nullable=False),
        sa.Column("propensity", sa.Float, nullable=False),
        sa.Column("router_version", sa.Integer, nullable=False),
        sa.Column("score", sa.Float, nullable=True),
        sa.Column("explored", sa.Boolean, nullable=False),
        sa.Column("escalation", sa.String(64), nullable=False),
        sa.Column("prompt_id", sa.String(32), nullable=False),
        sa.Column("follows", sa.String(32), nullable=False),
        sa.Column("reask", sa.Boolean, nullable=False),
        sa.Column("features", sa.LargeBinary, nullable=False),
    )
    op.create_index("decisions_by_time", "decisions", ["started_at"])
    op.create_index("decisions_by_prompt", "decisions", ["prompt_id", "started_at"])
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("feedback_by_time", "feedback", ["at"])


def downgrade() -> None:
    op.drop_table("feedback")
    op.drop_table("decisions")
    for table, column in _NUMBERS:
        op.drop_column(table, column)


_NUMBERS = (("requests", "baseline_cost"), ("rollups", "baseline_cost"), ("rollups", "compared_cost"))
