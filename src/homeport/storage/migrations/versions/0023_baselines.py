"""What the quality of routes is compared with, and the inputs that are asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "quality_baselines",
        sa.Column("tier", sa.String(160), primary_key=True),
        sa.Column("target", sa.String(160), primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("frozen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "baseline_cases",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True),
        sa.Column("tier", sa.String(160), nullable=False),
        sa.Column("target", sa.String(160), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("before", sa.Float, nullable=False),
        sa.Column("check_at", sa.BigInteger, nullable=True),
        sa.Column("now", sa.Float, nullable=True),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("asked_as", sa.String(40), nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
    )
    op.create_index("baseline_cases_by_route", "baseline_cases", ["tier", "target", "since", "place"])


def downgrade() -> None:
    op.drop_table("baseline_cases")
    op.drop_table("quality_baselines")
