"""What was spent, by whatever a person asks for: from the sums where they suffice, else from the rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, RowMapping

from homeport.core.histogram import merge, read_packed
from homeport.ledger.periods import END, Periods, split
from homeport.ledger.query_cost import QueryCost, query_cost
from homeport.ledger.sources import Group, Only, from_cells, from_rows, row_costs
from homeport.storage.rollups import COUNTED, DAY, HOUR

GROUPS: Mapping[str, Group] = {
    "tier": Group(column="tier"),
    "model": Group(column="target"),
    "upstream": Group(column="upstream"),
    "route": Group(column="route"),
    "project": Group(column="project"),
    "key": Group(column="key_id"),
    "user": Group(column="end_user", summed=False),
    "surface": Group(column="surface"),
    "outcome": Group(column="outcome"),
    "day": Group(span=DAY),
    "hour": Group(span=HOUR),
}
"""What `spend` can group by. There are no sums by end user, so those figures are read from the rows."""


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of a group of requests. `cost` is in nano-dollars, times are means in nanoseconds.

    Attributes:
        local_cost: the part of the cost that own engines have.
        baseline_cost: what the answers that were compared would have cost at the strongest remote tier.
        compared_cost: what those answers did cost; of the others no such figure is known.
        cache_asked: requests that looked into the cache.
        cache_hits: those of them that it answered, which cost nothing.
        saved_cost: nano-dollars that the same answers would have cost; they are no part of `cost`.
        query: what one request cost.
    """

    group: str
    requests: int
    completed: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: int
    local_cost: int
    baseline_cost: int
    compared_cost: int
    cache_asked: int
    cache_hits: int
    saved_cost: int
    mean_latency_ns: int
    mean_ttft_ns: int
    query: QueryCost

    @property
    def saved(self) -> int:
        """Nano-dollars that the compared answers cost less than at the strongest remote tier; below zero: more."""
        return self.baseline_cost - self.compared_cost

    @property
    def hit_rate(self) -> float | None:
        """The share of requests that the cache answered, of those that asked it; None where none did."""
        return self.cache_hits / self.cache_asked if self.cache_asked else None


class _Total:
    """Sums of one group while they are added up."""

    __slots__ = ("completed", "costs", "sums")

    def __init__(self) -> None:
        self.completed = 0
        self.sums = dict.fromkeys(COUNTED, 0)
        self.costs: dict[int, int] = {}

    def add(self, row: RowMapping) -> None:
        self.completed += row["completed"]
        for name in COUNTED:
            self.sums[name] += row[name]

    def join(self, other: "_Total") -> None:
        self.completed += other.completed
        for name in COUNTED:
            self.sums[name] += other.sums[name]
        for place, count in other.costs.items():
            self.costs[place] = self.costs.get(place, 0) + count


def spend(
    engine: Engine, *, by: str | None = None, since_ns: int = 0, until_ns: int | None = None, only: Only | None = None
) -> Sequence[Spend]:
    """Totals from a time to just before another (nanoseconds since the epoch); one row when `by` is None.

    Args:
        by: one of `GROUPS`. The largest cost comes first; hours and days come in order.
        only: which requests; None for all.
    """
    names = () if by is None else (by,)
    totals = _totals(engine, names, since_ns, until_ns, only)
    if by is None:
        return [_spend("all", totals.get((), _Total()))]
    rows = [_spend(label(by, key[0]), total) for key, total in totals.items()]
    in_time = GROUPS[by].span is not None
    return sorted(rows, key=lambda row: row.group) if in_time else sorted(rows, key=_by_cost)


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The same requests in all, and by each of some of `GROUPS`, the largest cost first."""

    total: Spend
    groups: Mapping[str, Sequence[Spend]]


def breakdown(
    engine: Engine,
    *,
    by: Sequence[str],
    since_ns: int = 0,
    until_ns: int | None = None,
    only: Only | None = None,
    spread: bool = True,
) -> Breakdown:
    """What `spend` says in all and by each of some groups, in one look at the sums.

    Args:
        by: none of them a time.
        spread: with quantiles and intervals of the cost of one query, which take most of the time.
    """
    every = _Total()
    folded: dict[str, dict[str, _Total]] = {name: {} for name in by}
    for key, total in _totals(engine, by, since_ns, until_ns, only, spread=spread).items():
        every.join(total)
        for name, value in zip(by, key, strict=True):
            folded[name].setdefault(label(name, value), _Total()).join(total)
    return Breakdown(
        total=_spend("all", every),
        groups={
            name: sorted((_spend(group, total) for group, total in totals.items()), key=_by_cost)
            for name, totals in folded.items()
        },
    )


def _by_cost(row: Spend) -> tuple[int, str]:
    return -row.cost, row.group


def series(
    engine: Engine, *, width: str, by: str | None, since_ns: int, until_ns: int, only: Only, spread: bool = True
) -> Mapping[int, Sequence[Spend]]:
    """Totals of each hour or day that had any, by its first nanosecond, and within it by one of `GROUPS`.

    Args:
        width: "hour" or "day".
        spread: as of `breakdown`.
    """
    names = (width,) if by is None else (width, by)
    found: dict[int, list[Spend]] = {}
    for key, total in sorted(_totals(engine, names, since_ns, until_ns, only, spread=spread).items()):
        found.setdefault(key[0], []).append(_spend("all" if by is None else key[1], total))
    return found


def label(by: str, value: Any) -> str:
    """A group's name for a person: an hour and a day as people write them, in UTC."""
    span = GROUPS[by].span
    if span is None:
        return str(value)
    moment = datetime.fromtimestamp(value // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d}" if span == DAY else f"{moment:%Y-%m-%dT%H:00Z}"


def _totals(
    engine: Engine, by: Sequence[str], since: int, until: int | None, only: Only | None, *, spread: bool = True
) -> dict[tuple[Any, ...], _Total]:
    groups = [GROUPS[name] for name in by]
    periods = _periods(groups, since, END if until is None else until)
    which = only or Only()
    totals: dict[tuple[Any, ...], _Total] = {}
    with engine.connect() as connection:
        for key, row in from_cells(connection, groups, periods, which, spread=spread):
            total = totals.setdefault(key, _Total())
            total.add(row)
            if spread:
                merge(total.costs, read_packed(row["costs"]))
        for key, row in from_rows(connection, groups, periods.rows, which):
            totals.setdefault(key, _Total()).add(row)
        for key, pair in row_costs(connection, groups, periods.rows, which) if spread else ():
            merge(totals.setdefault(key, _Total()).costs, pair)
    return totals


def _periods(groups: Iterable[Group], since: int, until: int) -> Periods:
    if since >= until:
        return Periods()
    if not all(group.summed for group in groups):
        return Periods(rows=((since, until),))
    return split(since, until, by_hour=any(group.span == HOUR for group in groups))


def _spend(group: str, total: _Total) -> Spend:
    sums = total.sums
    return Spend(
        group=group,
        requests=sums["requests"],
        completed=total.completed,
        input_tokens=sums["input_tokens"],
        cached_input_tokens=sums["cached_input_tokens"],
        cache_write_tokens=sums["cache_write_tokens"],
        output_tokens=sums["output_tokens"],
        reasoning_tokens=sums["reasoning_tokens"],
        cost=sums["cost"],
        local_cost=sums["local_cost"],
        baseline_cost=sums["baseline_cost"],
        compared_cost=sums["compared_cost"],
        cache_asked=sums["cache_asked"],
        cache_hits=sums["cache_hits"],
        saved_cost=sums["saved_cost"],
        mean_latency_ns=_mean(sums["latency_ns"], sums["requests"]),
        mean_ttft_ns=_mean(sums["ttft_ns"], sums["ttft_requests"]),
        query=query_cost(sums["requests"], total.completed, sums["cost"], total.costs),
    )


def _mean(amount: int, parts: int) -> int:
    return amount // parts if parts else 0
