"""What was spent, by hour or day: the series that forecasts, anomalies and burn rates are computed from.

Whole hours and days are read from the sums, what is left from the rows.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)

from homeport.ledger.periods import Stretch, split
from homeport.storage.rollups import DAY, HOUR, TABLES
from homeport.storage.tables import ledger_heads, requests, rollups

__all__ = [
    "DAY",
    "HOUR",
    "Whose",
    "below",
    "dearest_hour",
    "first_request",
    "hourly_by_project",
    "spent_each",
    "spent_in",
]


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Whose requests; "" for all.

    Attributes:
        project: this one, and every project below it.
        remote: only what providers were asked, which is what budgets cap.
    """

    project: str = ""
    key_id: str = ""
    end_user: str = ""
    trace_id: str = ""
    remote: bool = False

    @property
    def is_summed(self) -> bool:
        """There are sums by project and key, and none by end user and trace."""
        return not self.end_user and not self.trace_id


_ALL = Whose()


def first_request(engine: Engine, project: str = "") -> int | None:
    """When the first request of a project and of those below it began; nanoseconds since the epoch."""
    query = select(func.min(requests.c.started_at))
    if project:
        # Of each project by itself: one look into an index each, however many requests others have.
        mine = select(func.min(requests.c.started_at)).where(requests.c.project == ledger_heads.c.project)
        firsts = select(mine.scalar_subquery().label("first")).where(below(ledger_heads, project)).subquery()
        query = select(func.min(firsts.c.first))
    with engine.connect() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else int(found)


def spent_each(engine: Engine, span: int, start: int, until: int, whose: Whose = _ALL) -> list[int]:
    """Nano-dollars of each hour or day, without a gap.

    Args:
        span: `HOUR` or `DAY`.
        start, until: nanoseconds since the epoch; `start` is where a span begins.
    """
    series = [0] * max(0, -(-(until - start) // span))
    for (_, bucket), cost in _sums(engine, span, start, until, whose, in_all=True).items():
        series[bucket - start // span] += cost
    return series


def hourly_by_project(engine: Engine, start: int, until: int) -> Mapping[str, Sequence[int]]:
    """Nano-dollars of each hour of each project with requests; `start` is where an hour begins."""
    series: dict[str, list[int]] = {}
    for (project, bucket), cost in _sums(engine, HOUR, start, until, _ALL).items():
        series.setdefault(project, [0] * -(-(until - start) // HOUR))[bucket - start // HOUR] += cost
    return series


def spent_in(engine: Engine, since: int, until: int, whose: Whose = _ALL) -> int:
    """Nano-dollars from `since` to just before `until`, nanoseconds since the epoch."""
    return sum(_sums(engine, DAY, since, until, whose, in_all=True).values())


def dearest_hour(engine: Engine, since: int, until: int, key_id: str = "") -> tuple[int | None, int]:
    """When the first whole hour with requests in a time began, and the nano-dollars of the dearest.

    Args:
        key_id: only of this key; "" for all.
    """
    whole = and_(rollups.c.span == HOUR, rollups.c.start >= since, rollups.c.start <= until - HOUR)
    mine = rollups.c.key_id == key_id if key_id else true()
    total = cast(func.sum(rollups.c.cost), BigInteger).label("total")
    hours = select(rollups.c.start, total).where(whole, mine).group_by(rollups.c.start).subquery()
    with engine.connect() as connection:
        first, dearest = connection.execute(select(func.min(hours.c.start), func.max(hours.c.total))).one()
    return first, dearest or 0


def below(table: Table, project: str) -> ColumnElement[bool]:
    """The rows of a project path and of everything below it; "" for all."""
    if not project:
        return true()
    return or_(table.c.project == project, table.c.project.startswith(f"{project}/", autoescape=True))


def _sums(
    engine: Engine, span: int, since: int, until: int, whose: Whose, *, in_all: bool = False
) -> dict[tuple[str, int], int]:
    """Nano-dollars by project, or under the name "" `in_all`, and by number of the span since the epoch."""
    periods = split(since, until, by_hour=span == HOUR)
    cells = ((DAY, periods.days), (HOUR, periods.hours)) if whose.is_summed else ()
    rows = periods.rows if whose.is_summed else ((since, until),)
    sources = [_of_cells(kept, stretch, whose) for kept, stretches in cells for stretch in stretches]
    sources += [_of_rows(stretch, whose) for stretch in rows]
    found: dict[tuple[str, int], int] = {}
    with engine.connect() as connection:
        for source in sources:
            for project, bucket, cost in connection.execute(_grouped(source, span, in_all=in_all)):
                key = (project, int(bucket))
                found[key] = found.get(key, 0) + int(cost)
    return found


class _Source(msgspec.Struct, frozen=True):
    """Where costs are read: a table, when what is in its rows began, what it cost, and which rows."""

    table: Table
    time: ColumnElement[int]
    cost: ColumnElement[int]
    on: ColumnElement[bool]


def _of_cells(kept: int, stretch: Stretch, whose: Whose) -> _Source:
    cells = TABLES[kept]
    within = and_(cells.c.span == kept, cells.c.start >= stretch[0], cells.c.start < stretch[1])
    cost = cells.c.cost - cells.c.local_cost if whose.remote else cells.c.cost
    return _Source(cells, cells.c.start, cost, and_(within, _of(cells, whose)))


def _of_rows(stretch: Stretch, whose: Whose) -> _Source:
    began = requests.c.started_at
    within = and_(began >= stretch[0], began < stretch[1], _of(requests, whose))
    if whose.end_user:
        within = and_(within, requests.c.end_user == whose.end_user)
    if whose.trace_id:
        within = and_(within, requests.c.trace_id == whose.trace_id)
    cost = case((requests.c.local, 0), else_=requests.c.cost) if whose.remote else requests.c.cost
    return _Source(requests, began, cost, within)


def _of(table: Table, whose: Whose) -> ColumnElement[bool]:
    key = table.c.key_id == whose.key_id if whose.key_id else true()
    return and_(below(table, whose.project), key)


def _grouped(source: _Source, span: int, *, in_all: bool) -> Select[str, int, int]:
    # A subquery, because PostgreSQL does not take two equal expressions with parameters for the same.
    project = literal("") if in_all else source.table.c.project
    bucket, cost = (source.time // span).label("bucket"), source.cost.label("cost")
    rows = select(project.label("project"), bucket, cost).where(source.on).subquery()
    total = cast(func.sum(rows.c.cost), BigInteger)
    return select(rows.c.project, rows.c.bucket, total).group_by(rows.c.project, rows.c.bucket)
