"""Budgets, what was spent of each in slices of time, and what processes have leased."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, comment="all, project, key, user or trace"),
        sa.Column("scope", sa.String(160), nullable=False),
        sa.Column("window", sa.String(16), nullable=False, comment="hour, day, month or total"),
        sa.Column("limit", sa.BigInteger, nullable=False, comment="nano-dollars"),
        sa.Column("thresholds", sa.Text, nullable=False, comment="JSON array of percentages"),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=True),
    )
    live = sa.text("removed_at IS NULL")
    op.create_index("budgets_by_name", "budgets", ["name"], unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "budget_accounts",
        *_account(),
        sa.Column("reached_at", sa.BigInteger, nullable=False, comment="a time in the latest slice it was used in"),
    )
    op.create_table(
        "budget_slices",
        *_account(""),
        sa.Column("start", sa.BigInteger, primary_key=True, comment="nanoseconds since the epoch"),
        sa.Column("spent", sa.BigInteger, nullable=False, comment="nano-dollars"),
    )
    op.create_table(
        "leases",
        *_account(""),
        sa.Column("holder", sa.String(40), primary_key=True, comment="one start of one process"),
        sa.Column(
            "amount", sa.BigInteger, nullable=False, comment="nano-dollars leased, neither settled nor given back"
        ),
        sa.Column("settled_total", sa.BigInteger, nullable=False, comment="what the holder ever reported as spent"),
        sa.Column("opened_at", sa.BigInteger, nullable=False, comment="the holder's first trade"),
        sa.Column("seen_at", sa.BigInteger, nullable=False, comment="its last one"),
        sa.Column(
            "wanted_at", sa.BigInteger, nullable=True, comment="when it last got less than it needed, and still does"
        ),
    )
    op.create_index("leases_by_holder", "leases", ["holder"])


def downgrade() -> None:
    for table in ("leases", "budget_slices", "budget_accounts", "budgets"):
        op.drop_table(table)


def _account(comment: str | None = "user or trace, where each has its own; else empty") -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("budget_id", sa.String(40), primary_key=True),
        sa.Column("instance", sa.String(160), primary_key=True, comment=comment or None),
    )
