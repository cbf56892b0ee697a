"""The console has users, and every change is written down."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    _create_people()
    _create_audit()


def downgrade() -> None:
    for table in ("users", "console_sessions", "audit", "audit_ends"):
        op.drop_table(table)


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(160), primary_key=True),
        _text("role", 16),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        _number("created_at"),
    )
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        _text("user_name", 160),
        _number("created_at"),
        _number("seen_at"),
        _text("address", 64),
    )
    op.create_index("console_sessions_by_user", "console_sessions", ["user_name"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        _number("at"),
        _text("actor", 160),
        _text("origin", 16),
        _text("role", 16),
        _text("address", 64),
        _text("action", 64),
        _text("subject", 160),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        _text("request_id", 40),
        _text("hash", 64),
    )
    op.create_index("audit_by_time", "audit", ["at"])
    op.create_index("audit_by_actor", "audit", ["actor", "sequence"])
    op.create_index("audit_by_subject", "audit", ["subject", "sequence"])
    op.create_table(
        "audit_ends",
        sa.Column("id", sa.Integer, primary_key=True),
        _number("sequence"),
        _text("hash", 64),
        _number("pruned"),
        _text("pruned_hash", 64),
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)
