"""Requests are found by what they have in common, newest first, however many there are."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_BEGINNINGS = ("project", "reason")
_WHOLE = ("target", "model", "tier")
_STEPS = {"cost": "(cost / 100000)", "latency_ns": "(latency_ns / 100000000)"}
_SOME = {
    "outcome": "outcome <> 'completed'",
    "status": "status >= 400",
    "error": "error <> ''",
    "cache": "cache <> ''",
    "end_user": "end_user <> ''",
    "trace_id": "trace_id <> ''",
}


def upgrade() -> None:
    for name in _BEGINNINGS:
        _index(name, postgresql_ops={name: "text_pattern_ops"})
    for name in _WHOLE:
        _index(name)
    for name, step in _STEPS.items():
        op.create_index(f"requests_by_{name}", "requests", [sa.text(step), "started_at"])
    for name, rows in _SOME.items():
        _index(name, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))


def downgrade() -> None:
    for name in (*_BEGINNINGS, *_WHOLE, *_STEPS, *_SOME):
        op.drop_index(f"requests_by_{name}", table_name="requests")


def _index(name: str, **options: Any) -> None:
    op.create_index(f"requests_by_{name}", "requests", [name, "started_at"], **options)
