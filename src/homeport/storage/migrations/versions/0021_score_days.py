"""The sums of days of what outputs scored, so that a month is read as quickly as a day."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_DAY = 86_400 * 10**9
_PLACE = ("tier", "target", "metric", "version")
_COUNTS, _VALUES = ("outputs", "judged", "failed"), ("total", "squares")


def upgrade() -> None:
    op.create_table(
        "score_days",
        sa.Column("start", sa.BigInteger, primary_key=True),
        *(sa.Column(name, sa.String(160), primary_key=True) for name in ("tier", "target")),
        sa.Column("metric", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Float, nullable=False) for name in _VALUES),
    )
    names = ("start", *_PLACE, *_COUNTS, *_VALUES)
    hours, days = (sa.table(table, *map(sa.column, names)) for table in ("score_hours", "score_days"))
    place = [(hours.c.start - hours.c.start % _DAY).label("start"), *(hours.c[name] for name in _PLACE)]
    sums = (sa.func.sum(hours.c[name]) for name in (*_COUNTS, *_VALUES))
    op.execute(sa.insert(days).from_select(names, sa.select(*place, *sums).group_by(*place)))


def downgrade() -> None:
    op.drop_table("score_days")
