"""What was kept whole is searched by its words: on PostgreSQL in a table of its own, on SQLite beside the bodies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "kept_words",
            sa.Column("request_id", sa.String(64), primary_key=True),
            sa.Column("home", sa.String(40), nullable=False),
            sa.Column("place", sa.BigInteger, nullable=False),
            sa.Column("words", TSVECTOR, nullable=False),
        )
        op.create_index("kept_words_by_place", "kept_words", ["place"])
        op.create_index("kept_words_by_home", "kept_words", ["home", "place"])
        op.create_index("kept_words_by_word", "kept_words", ["words"], postgresql_using="gin")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_table("kept_words")
