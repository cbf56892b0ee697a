"""What was spent, by whatever a person asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Engine, case, cast, func, literal, select

from homeport.storage.tables import requests

GROUPS: Mapping[str, str] = {
    "tier": "tier",
    "model": "target",
    "key": "key_id",
    "outcome": "outcome",
    "surface": "surface",
}


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of a group of requests. `cost` is in nano-dollars, times are means in nanoseconds."""

    group: str
    requests: int
    completed: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: int
    mean_latency_ns: int
    mean_ttft_ns: int


def spend(engine: Engine, *, by: str | None = None, since_ns: int = 0) -> Sequence[Spend]:
    """Totals since a time (nanoseconds since the epoch), largest cost first; one row when `by` is None.

    Args:
        by: one of `GROUPS`.
    """
    group = requests.c[GROUPS[by]] if by else None
    completed = case((requests.c.outcome == "completed", 1), else_=0)
    summed = ("input_tokens", "cached_input_tokens", "output_tokens", "cost")
    query = select(
        (literal("all") if group is None else group).label("group"),
        func.count().label("requests"),
        _whole(func.sum(completed)).label("completed"),
        *[_whole(func.sum(requests.c[name])).label(name) for name in summed],
        _mean(requests.c.latency_ns).label("mean_latency_ns"),
        _mean(func.nullif(requests.c.ttft_ns, 0)).label("mean_ttft_ns"),
    ).where(requests.c.started_at >= since_ns)
    if group is not None:
        query = query.group_by(group).order_by(func.sum(requests.c.cost).desc(), group)
    with engine.connect() as connection:
        return [msgspec.convert(row, Spend) for row in connection.execute(query).mappings()]


def _whole(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """As an integer, 0 for no rows: some databases answer sums with decimals."""
    return cast(func.coalesce(amount, 0), BigInteger)


def _mean(amount: ColumnElement[Any]) -> ColumnElement[int]:
    """Rounded down on every database; 0 where there is nothing."""
    return func.coalesce(_whole(func.sum(amount)) // func.nullif(func.count(amount), 0, type_=BigInteger), 0)
