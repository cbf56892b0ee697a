"""What waits for people and for the judge is found by indexes alone, however many outputs there are."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_FOR_PEOPLE = ["started_at", "request_id", "draw", "human_probability", "labelled", "kept", "for_human"]
_TO_JUDGE = ["home", "judged_in", "draw", "request_id", "started_at", "for_judge"]
_OF = """\
UPDATE scored_outputs
SET home = COALESCE(
  (SELECT substr(holder, 1, 12) FROM requests WHERE requests.request_id = scored_outputs.request_id), '')
WHERE for_judge"""
_COUNTED = """\
UPDATE scored_outputs
SET labelled = (SELECT count(*) FROM labels WHERE labels.request_id = scored_outputs.request_id)
WHERE request_id IN (SELECT request_id FROM labels)"""
_LAST = """\
UPDATE scored_outputs
SET judged_in = (
  SELECT epoch FROM judgements WHERE judgements.request_id = scored_outputs.request_id
  ORDER BY judged_at DESC, epoch LIMIT 1
)
WHERE request_id IN (SELECT request_id FROM judgements)"""


def upgrade() -> None:
    op.add_column("scored_outputs", sa.Column("home", sa.String(12), nullable=False, server_default=""))
    op.add_column("scored_outputs", sa.Column("labelled", sa.Integer, nullable=False, server_default="0"))
    op.add_column("scored_outputs", sa.Column("judged_in", sa.String(16), nullable=False, server_default=""))
    for filled in (_OF, _COUNTED, _LAST):
        op.execute(filled)
    for name, columns, condition in (
        ("scored_outputs_for_people", _FOR_PEOPLE, sa.text("for_human")),
        ("scored_outputs_to_judge", _TO_JUDGE, sa.text("for_judge")),
    ):
        op.create_index(name, "scored_outputs", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_index("labels_by_reviewer", "labels", ["reviewer", "labelled_at"])
    op.create_index("review_claims_by_reviewer", "review_claims", ["reviewer", "until"])


def downgrade() -> None:
    op.drop_index("review_claims_by_reviewer", "review_claims")
    op.drop_index("labels_by_reviewer", "labels")
    for name in ("scored_outputs_to_judge", "scored_outputs_for_people"):
        op.drop_index(name, "scored_outputs")
    for column in ("judged_in", "labelled", "home"):
        op.drop_column("scored_outputs", column)
