"""The two places that figures come from: the sums by hour and day, and the rows themselves.

Everything is SQL that SQLite and PostgreSQL both speak.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    true,
)

from homeport.core.caching import Kind
from homeport.core.histogram import Counts, bucket, merge
from homeport.core.types import Outcome
from homeport.ledger.periods import Periods, Stretch
from homeport.storage.rollups import COUNTED, DAY, HOUR, SUMMED, TABLES, route_of
from homeport.storage.tables import requests

SUMS = (*COUNTED, "completed")

Found = tuple[tuple[Any, ...], Sequence[Any]]
"""The values that sums are grouped by, and the sums in the order of `SUMS`."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What requests can be grouped by.

    Attributes:
        column: of the sums and of the rows; "" for a time.
        span: nanoseconds of the hour or the day that requests began in.
        summed: there are sums by it.
    """

    column: str = ""
    span: int | None = None
    summed: bool = True


class Only(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests; "" for all.

    Attributes:
        project: this one, and every project below it.
        key_id: a key's id.
        model: the public name of what answered.
    """

    project: str = ""
    key_id: str = ""
    model: str = ""


def from_cells(
    connection: Connection, groups: Sequence[Group], periods: Periods, only: Only, *, spread: bool = True
) -> Iterator[Found]:
    """`SUMS` and, for the spread, joined histograms of the costs, of whole hours and days."""
    for span, stretches in ((DAY, periods.days), (HOUR, periods.hours)):
        if stretches:
            yield from _read(connection, _cells(TABLES[span], span, stretches, groups, only, spread=spread), groups)


def _cells(
    table: Table, span: int, stretches: Sequence[Stretch], groups: Sequence[Group], only: Only, *, spread: bool
) -> Select[Any]:
    within = or_(
        *[and_(table.c.span == span, table.c.start >= since, table.c.start < until) for since, until in stretches]
    )
    completed = case((table.c.outcome == Outcome.COMPLETED.value, table.c.requests), else_=0)
    return select(
        *_grouped(table, "start", groups),
        *[_sum(table.c[name]).label(name) for name in COUNTED],
        _sum(completed).label("completed"),
        *([func.aggregate_strings(table.c.costs, ",").label("costs")] if spread else []),
    ).where(within, _matching(table, only))


def from_rows(
    connection: Connection, groups: Sequence[Group], stretches: Sequence[Stretch], only: Only
) -> Iterator[Found]:
    """`SUMS` of the requests that began in some stretches of time."""
    columns: dict[str, ColumnElement[Any]] = {name: requests.c[name] for name in SUMMED}
    columns["local_cost"] = case((requests.c.local, requests.c.cost), else_=0)
    columns["ttft_requests"] = case((requests.c.ttft_ns > 0, 1), else_=0)
    columns["baseline_cost"] = requests.c.baseline_cost
    columns["compared_cost"] = case((requests.c.baseline_cost > 0, requests.c.cost), else_=0)
    columns["cache_asked"] = case((requests.c.cache != "", 1), else_=0)
    columns["cache_hits"] = case((requests.c.cache.not_in(("", Kind.MISS.value)), 1), else_=0)
    columns["saved_cost"] = requests.c.saved_cost
    columns["completed"] = case((requests.c.outcome == Outcome.COMPLETED.value, 1), else_=0)
    sums = [func.count() if name == "requests" else _sum(columns[name]) for name in SUMS]
    yield from _of_rows(connection, groups, stretches, only, *sums)


def row_costs(
    connection: Connection, groups: Sequence[Group], stretches: Sequence[Stretch], only: Only
) -> Mapping[tuple[Any, ...], Counts]:
    """How many of the same requests are in each bucket of cost."""
    found: defaultdict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
    counted = (requests.c.cost.label("each"), func.count().label("requests"))
    for key, (cost, count) in _of_rows(connection, groups, stretches, only, *counted, also=("each",)):
        merge(found[key], (bucket(cost), count))
    return found


def _of_rows(
    connection: Connection,
    groups: Sequence[Group],
    stretches: Sequence[Stretch],
    only: Only,
    *columns: ColumnElement[Any],
    also: Sequence[str] = (),
) -> Iterator[Found]:
    if not stretches:
        return
    began = requests.c.started_at
    within = or_(*[and_(began >= since, began < until) for since, until in stretches])
    query = select(*_grouped(requests, "started_at", groups), *columns).where(within, _matching(requests, only))
    yield from _read(connection, query, groups, also)


def _read(
    connection: Connection, query: Select[Any], groups: Sequence[Group], also: Sequence[str] = ()
) -> Iterator[Found]:
    names = [_name(place) for place in range(len(groups))]
    by = [*names, *also]
    # By the names of the columns: PostgreSQL does not take two equal expressions with parameters for the same.
    grouped = query.group_by(*by) if by else query.having(func.count() > 0)
    for row in connection.execute(grouped):
        yield tuple(map(_value, groups, row)), row[len(groups) :]


def _grouped(table: Table, time: str, groups: Sequence[Group]) -> list[ColumnElement[Any]]:
    return [_expression(table, time, group).label(_name(place)) for place, group in enumerate(groups)]


def _expression(table: Table, time: str, group: Group) -> ColumnElement[Any]:
    if group.span is not None:
        return table.c[time] - table.c[time] % group.span
    if group.column == "route" and table is requests:
        return table.c.reason
    return table.c[group.column]


def _value(group: Group, value: Any) -> Any:
    return route_of(value) if group.column == "route" else value


def _name(place: int) -> str:
    return f"group_{place}"


def _matching(table: Table, only: Only) -> ColumnElement[bool]:
    limits: list[ColumnElement[bool]] = []
    if only.project:
        below = table.c.project.startswith(f"{only.project}/", autoescape=True)
        limits.append(or_(table.c.project == only.project, below))
    if only.key_id:
        limits.append(table.c.key_id == only.key_id)
    if only.model:
        limits.append(table.c.target == only.model)
    return and_(true(), *limits)


def _sum(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """As an integer, 0 for no rows: some databases answer sums with decimals."""
    return cast(func.coalesce(func.sum(amount), 0), BigInteger)
