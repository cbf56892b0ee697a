"""News of bars and of partitions is read by its number, in order, however many there are."""

from alembic import op

revision = "0013"
down_revision = "0012"

_INDEXES = {"cache_bars_by_number": "cache_bars", "cache_partitions_by_number": "cache_partitions"}


def upgrade() -> None:
    for index, table in _INDEXES.items():
        op.create_index(index, table, ["number"])


def downgrade() -> None:
    for index, table in _INDEXES.items():
        op.drop_index(index, table_name=table)
