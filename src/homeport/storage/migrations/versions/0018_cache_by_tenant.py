"""What the cache holds is added up by tenant, model and partition in one index, without its texts and vectors."""

from alembic import op

revision = "0018"
down_revision = "0017"

_NAME, _TABLE = "cache_entries_by_tenant", "cache_entries"


def upgrade() -> None:
    _indexed("tenant", "target", "partition", "expires_at", "size")


def downgrade() -> None:
    _indexed("tenant", "size")


def _indexed(*columns: str) -> None:
    op.drop_index(_NAME, table_name=_TABLE)
    op.create_index(_NAME, _TABLE, list(columns))
