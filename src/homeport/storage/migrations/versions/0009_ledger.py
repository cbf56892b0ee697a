"""The rows of the ledger form chains, and there are sums of them by hour and day.

Rows that are there already are chained in the order in which they began: from now on nothing in them
can be changed unseen, and no row is outside the chain.
"""

import sqlalchemy as sa
from alembic import op

from homeport.storage import chain
from homeport.storage import rollups as cells

revision = "0009"
down_revision = "0008"

_AT_ONCE = 2_000
_NAMES = {
    "project": 160,
    "key_id": 40,
    "target": 160,
    "tier": 160,
    "upstream": 160,
    "surface": 32,
    "route": 160,
    "outcome": 16,
}
_NUMBERS = (
    "requests",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost",
    "local_cost",
    "latency_ns",
    "ttft_ns",
    "ttft_requests",
)


def upgrade() -> None:
    op.add_column("requests", sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("requests", sa.Column("hash", sa.String(64), nullable=False, server_default=""))
    heads = op.create_table(
        "ledger_heads",
        sa.Column("project", sa.String(160), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    table = op.create_table(
        "rollups",
        sa.Column("cell", sa.String(32), primary_key=True),
        sa.Column("span", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in _NAMES.items()),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _NUMBERS),
        sa.Column("costs", sa.Text, nullable=False),
    )
    _chain_rows(op.get_bind(), heads, table)
    op.create_index("requests_by_chain", "requests", ["project", "sequence"], unique=True)
    op.create_index("rollups_by_time", "rollups", ["span", "start"])
    op.create_index("rollups_by_key", "rollups", ["key_id", "span", "start"])


def _chain_rows(connection: sa.Connection, heads: sa.Table, table: sa.Table) -> None:
    op.create_index("requests_unchained", "requests", ["project", "started_at", "request_id"])
    page = sa.text(
        "SELECT * FROM requests WHERE (project, started_at, request_id) > (:project, :started_at, :request_id)"
        " ORDER BY project, started_at, request_id LIMIT :most"
    )
    change = sa.text("UPDATE requests SET sequence = :sequence, hash = :hash WHERE request_id = :request_id")
    ends: dict[str, chain.Head] = {}
    last = {"project": "", "started_at": -(1 << 62), "request_id": ""}
    while rows := [dict(row) for row in connection.execute(page, {**last, "most": _AT_ONCE}).mappings()]:
        ends = chain.extend(ends, rows)
        connection.execute(change, [{name: row[name] for name in ("sequence", "hash", "request_id")} for row in rows])
        cells.add(connection, rows, {cells.HOUR: table, cells.DAY: table})
        last = {name: rows[-1][name] for name in last}
    if ends:
        stored = [{"project": name, "sequence": end.sequence, "hash": end.hash} for name, end in ends.items()]
        connection.execute(sa.insert(heads), stored)
    op.drop_index("requests_unchained", "requests")


def downgrade() -> None:
    op.drop_table("rollups")
    op.drop_table("ledger_heads")
    op.drop_index("requests_by_chain", "requests")
    op.drop_column("requests", "hash")
    op.drop_column("requests", "sequence")
