"""Keys get scopes, limits, a reservation and the token before a rotation. Keys that exist may infer, as before."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBERS = ("requests_per_minute", "tokens_per_minute", "concurrent_requests", "rotated_at", "previous_until")


def upgrade() -> None:
    op.add_column("keys", sa.Column("scopes", sa.Text, nullable=False, server_default='["inference"]'))
    op.add_column("keys", sa.Column("reserved_percent", sa.Integer, nullable=False, server_default="0"))
    op.add_column("keys", sa.Column("previous_digest", sa.String(64), nullable=True))
    for name in _NUMBERS:
        op.add_column("keys", sa.Column(name, sa.BigInteger, nullable=True))


def downgrade() -> None:
    for name in (*_NUMBERS, "previous_digest", "reserved_percent", "scopes"):
        op.drop_column("keys", name)
