"""Answers are kept and given again; requests say which were, and what that saved.

The new columns of `requests` are empty or 0 in rows that are there already, so their hashes stay what they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    _extend_ledger()
    _create_entries()
    _create_beside()
    _index()


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    for column in ("cache_asked", "cache_hits", "saved_cost"):
        op.drop_column("rollups", column)
    for column in ("cache", "saved_cost", "cache_entry"):
        op.drop_column("requests", column)


def _extend_ledger() -> None:
    op.add_column("requests", sa.Column("cache", sa.String(16), nullable=False, server_default=""))
    op.add_column("requests", _number("saved_cost", server_default="0"))
    op.add_column("requests", sa.Column("cache_entry", sa.String(32), nullable=False, server_default=""))
    for column in ("cache_asked", "cache_hits", "saved_cost"):
        op.add_column("rollups", _number(column, server_default="0"))


def _create_entries() -> None:
    op.create_table(
        "cache_entries",
        _id(),
        *(_number(name) for name in ("number", "expires_at", "created_at")),
        *(sa.Column(name, sa.LargeBinary(16), nullable=False) for name in ("partition", "prompt")),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("tenant", "key_id", "target", "model", "upstream", "request_id")
        ),
        sa.Column("surface", sa.String(32), nullable=False),
        sa.Column("streamed", sa.Boolean, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        *(_number(name) for name in ("elapsed_ns", "size", "cost")),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("text", "vector")),
    )
    op.create_table("cache_bodies", _id(), sa.Column("body", sa.LargeBinary, nullable=False))
    op.create_table("cache_tags", sa.Column("tag", sa.String(160), primary_key=True), _id())


def _create_beside() -> None:
    op.create_table("cache_sequence", sa.Column("id", sa.Integer, primary_key=True), _number("number"))
    op.create_table("cache_removals", _id(), _number("number"), _number("until"))
    op.create_table("cache_bars", _id(), _number("number"), _number("until"))
    op.create_table(
        "cache_purges",
        sa.Column("number", sa.BigInteger, primary_key=True),
        _number("at"),
        sa.Column("criteria", sa.Text, nullable=False),
    )
    op.create_table(
        "cache_aliases",
        _id("asked"),
        sa.Column("answered", sa.LargeBinary(16), nullable=False),
        _number("number"),
        _number("expires_at"),
    )
    op.create_table(
        "cache_partitions", _id("partition"), *(_number(name) for name in ("number", "at", "checked", "wrong", "off"))
    )


def _index() -> None:
    op.create_index("cache_entries_by_number", "cache_entries", ["number"], unique=True)
    op.create_index("cache_entries_by_expiry", "cache_entries", ["expires_at"])
    op.create_index("cache_entries_by_tenant", "cache_entries", ["tenant", "size"])
    op.create_index("cache_tags_by_id", "cache_tags", ["id"])
    op.create_index("cache_removals_by_number", "cache_removals", ["number"])
    op.create_index("cache_aliases_by_answer", "cache_aliases", ["answered"])
    op.create_index("cache_aliases_by_number", "cache_aliases", ["number"])


def _id(name: str = "id") -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(16), primary_key=True)


def _number(name: str, server_default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=server_default)


_TABLES = (
    "cache_sequence",
    "cache_entries",
    "cache_bodies",
    "cache_tags",
    "cache_removals",
    "cache_purges",
    "cache_bars",
    "cache_aliases",
    "cache_partitions",
)
