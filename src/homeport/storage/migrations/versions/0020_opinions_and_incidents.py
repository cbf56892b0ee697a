"""What the judge and people think of outputs, and the incidents of quality."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_TABLES = ("review_claims", "labels", "judgements", "judge_epochs", "incident_notes", "incidents")


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("open_key", sa.String(64), nullable=True, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("opened_at", "seen_at")),
        sa.Column("resolved_at", sa.BigInteger, nullable=True),
        sa.Column("finding", sa.Text, nullable=False),
    )
    op.create_index("incidents_by_time", "incidents", ["opened_at"])
    op.create_table(
        "incident_notes",
        sa.Column("incident_id", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String(160), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "judge_epochs",
        sa.Column("epoch", sa.String(16), primary_key=True),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(160), nullable=False),
        sa.Column("rubric", sa.String(80), nullable=False),
        sa.Column("rubric_version", sa.Integer, nullable=False),
    )
    op.create_table(
        "judgements",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("epoch", sa.String(16), primary_key=True),
        sa.Column("judged_at", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=True),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("judge_request_id", sa.String(40), nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
    )
    op.create_index("judgements_by_time", "judgements", ["judged_at"])
    op.create_table(
        "labels",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("reviewer", sa.String(160), primary_key=True),
        sa.Column("labelled_at", sa.BigInteger, nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=True),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("labels_by_time", "labels", ["labelled_at"])
    op.create_table(
        "review_claims",
        sa.Column("request_id", sa.String(40), primary_key=True),
        sa.Column("reviewer", sa.String(160), primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
