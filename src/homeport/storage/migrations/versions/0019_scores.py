"""What outputs scored, which of them were drawn to be judged and reviewed, and the sums of hours."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_TABLES = ("scoring_cursors", "sample_hours", "score_hours", "scores", "scored_outputs")
_PLACE = (("start", sa.BigInteger), ("tier", sa.String(160)), ("target", sa.String(160)))


def upgrade() -> None:
    op.create_table(
        "scored_outputs",
        sa.Column("request_id", sa.String(40), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("started_at", "scored_at")),
        *(sa.Column(name, sa.String(160), nullable=False) for name in ("project", "tier", "target")),
        sa.Column("data_class", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("kept", "low")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("draw", "judge_probability", "human_probability")),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("for_judge", "for_human")),
    )
    op.create_index("scored_outputs_by_time", "scored_outputs", ["started_at"])
    drawn = sa.text("for_judge")
    op.create_index(
        "scored_outputs_for_judge", "scored_outputs", ["started_at"], sqlite_where=drawn, postgresql_where=drawn
    )
    op.create_table(
        "scores",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("metric", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=True),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
    )
    op.create_table(
        "score_hours",
        *(sa.Column(name, kind, primary_key=True) for name, kind in _PLACE),
        sa.Column("metric", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("outputs", "judged", "failed")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("total", "squares")),
    )
    counts = ("outputs", "kept", "low", "broken", "for_judge", "for_human")
    op.create_table(
        "sample_hours",
        *(sa.Column(name, kind, primary_key=True) for name, kind in _PLACE),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in counts),
    )
    op.create_table(
        "scoring_cursors",
        sa.Column("home", sa.String(12), primary_key=True),
        sa.Column("project", sa.String(160), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
