"""The sums of days have a table of their own, so that a month is read without passing over its hours."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_DAY = 24 * 3_600 * 1_000_000_000
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
_LATER = ("baseline_cost", "compared_cost", "cache_asked", "cache_hits", "saved_cost")


def upgrade() -> None:
    op.create_table(
        "day_rollups",
        sa.Column("cell", sa.String(32), primary_key=True),
        sa.Column("span", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in _NAMES.items()),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _NUMBERS),
        sa.Column("costs", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _LATER),
    )
    _move("rollups", "day_rollups")
    op.create_index("day_rollups_by_time", "day_rollups", ["span", "start"])
    op.create_index("day_rollups_by_key", "day_rollups", ["key_id", "span", "start"])


def downgrade() -> None:
    _move("day_rollups", "rollups")
    op.drop_table("day_rollups")


def _move(source: str, to: str) -> None:
    """The cells of days, in the order of time."""
    columns = ", ".join(f'"{name}"' for name in ("cell", "span", "start", *_NAMES, *_NUMBERS, "costs", *_LATER))
    op.execute(
        f"INSERT INTO {to} ({columns}) SELECT {columns} FROM {source} WHERE span = {_DAY} ORDER BY start"  # noqa: S608
    )
    op.execute(f"DELETE FROM {source} WHERE span = {_DAY}")  # noqa: S608
