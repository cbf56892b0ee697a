"""What prompts were like, to see whether later ones are like them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "input_features",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("project", sa.String(160), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("embedder", sa.String(64), nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("digest", "vector", "words")),
        sa.Column("octaves", sa.Float, nullable=False),
        *(sa.Column(name, sa.String(16), nullable=False) for name in ("language", "form")),
    )
    op.create_index("input_features_by_day", "input_features", ["project", "day"])
    op.create_table(
        "input_days",
        sa.Column("home", sa.String(12), primary_key=True),
        sa.Column("project", sa.String(160), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
        sa.Column("prompts", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("input_days")
    op.drop_table("input_features")
