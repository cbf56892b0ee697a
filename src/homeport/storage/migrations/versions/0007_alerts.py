"""The outbox of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("dedupe_key", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("alerts_by_key", "alerts", ["dedupe_key", "at"])
    op.create_index("alerts_by_time", "alerts", ["at"])
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", sa.String(40), primary_key=True),
        sa.Column("webhook", sa.String(128), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try_at", sa.BigInteger, nullable=False),
        sa.Column("give_up_at", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger, nullable=True),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("alert_deliveries_due", "alert_deliveries", ["webhook", "state", "next_try_at"])


def downgrade() -> None:
    for table in ("alert_deliveries", "alerts"):
        op.drop_table(table)
