"""What was spent, by whatever a person asks for."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Engine, Row, case, func, literal, select

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
    query = select(
        literal("all") if group is None else group,
        func.count(),
        func.coalesce(func.sum(case((requests.c.outcome == "completed", 1), else_=0)), 0),
        *[
            func.coalesce(func.sum(requests.c[name]), 0)
            for name in ("input_tokens", "cached_input_tokens", "output_tokens", "cost")
        ],
        func.coalesce(func.avg(requests.c.latency_ns), 0),
        func.coalesce(func.avg(func.nullif(requests.c.ttft_ns, 0)), 0),
    ).where(requests.c.started_at >= since_ns)
    if group is not None:
        query = query.group_by(group).order_by(func.sum(requests.c.cost).desc(), group)
    with engine.connect() as connection:
        return [_spend(row) for row in connection.execute(query)]


def _spend(row: Row[tuple[object, ...]]) -> Spend:
    names = Spend.__struct_fields__
    values = dict(zip(names, row, strict=True))
    numbers = {name: int(values[name]) for name in names[1:]}  # type: ignore[call-overload]
    return Spend(group=str(row[0]), **numbers)
