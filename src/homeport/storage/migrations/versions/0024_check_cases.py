"""Inputs that are asked again are chosen check by check, so no baseline has a time of its own for that."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.drop_column("quality_baselines", "frozen_at")


def downgrade() -> None:
    op.add_column("quality_baselines", sa.Column("frozen_at", sa.BigInteger, nullable=False, server_default="0"))
