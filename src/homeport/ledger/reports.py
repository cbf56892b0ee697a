"""What was spent, by whatever a person asks for: from the sums where they suffice, else from the rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import add as add_numbers
from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.core.histogram import merge, pairs, read_packed
from homeport.ledger.periods import END, Periods, split
from homeport.ledger.query_cost import QueryCost, query_cost
from homeport.ledger.sources import SUMS, Group, Only, from_cells, from_rows, row_costs
from homeport.storage.rollups import DAY, HOUR

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


_TOLD = tuple(name for name in Spend.__struct_fields__ if name in SUMS)
_NOTHING = (0,) * len(SUMS)


class _Total:
    """Sums of one group, in the order of `SUMS`, while they are added up, and how often each bucket of cost was met."""

    __slots__ = ("costs", "sums")

    def __init__(self) -> None:
        self.sums: Sequence[int] = _NOTHING
        self.costs: dict[int, int] = {}

    def add(self, sums: Iterable[int], costs: Iterable[int] = ()) -> None:
        """Add sums of the same order, and pairs of bucket and count."""
        self.sums = list(map(add_numbers, self.sums, sums))
        merge(self.costs, costs)

    def join(self, other: "_Total") -> None:
        self.add(other.sums, pairs(other.costs))


def spend(
    engine: Engine,
    *,
    by: str | None = None,
    since_ns: int = 0,
    until_ns: int | None = None,
    only: Only | None = None,
    spread: bool = True,
) -> Sequence[Spend]:
    """Totals from a time to just before another (nanoseconds since the epoch); one row when `by` is None.

    Args:
        by: one of `GROUPS`. The largest cost comes first; hours and days come in order.
        only: which requests; None for all.
        spread: with quantiles and intervals of the cost of one query, which take most of the time.
    """
    names = () if by is None else (by,)
    totals = _totals(engine, names, since_ns, until_ns, only, spread=spread)
    if by is None:
        return [_spend("all", totals[()])]
    rows = list(_spends(by, {key[0]: total for key, total in totals.items()}))
    in_time = GROUPS[by].span is not None
    return sorted(rows, key=lambda row: row.group) if in_time else sorted(rows, key=_by_cost)


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The same requests in all, by each of some of `GROUPS`, the largest cost first, and by the time they began.

    Attributes:
        times: by the first nanosecond of each hour or day that had any, in order, without a spread; empty where no
            width was asked for.
    """

    total: Spend
    groups: Mapping[str, Sequence[Spend]]
    times: Mapping[int, Spend] = {}


def breakdown(
    engine: Engine,
    *,
    by: Sequence[str],
    since_ns: int = 0,
    until_ns: int | None = None,
    only: Only | None = None,
    width: str = "",
    spread: bool = True,
) -> Breakdown:
    """What `spend` says in all and by each of some groups, in one look at the sums where there are sums by them.

    Args:
        by: at least one, and none of them a time.
        width: "hour" or "day", for the same by time; "" for none.
        spread: as of `spend`.
    """
    summed = all(GROUPS[name].summed for name in by)
    names = (*by, width) if width and summed else by
    folded: list[dict[Any, _Total]] = [defaultdict(_Total) for _ in names]
    for key, sums, costs in _pieces(engine, names, since_ns, until_ns, only, spread=spread):
        for name, value, totals in zip(names, key, folded, strict=True):
            totals[value].add(sums, () if name == width else costs)
    times = folded.pop() if width and summed else _times(engine, width, since_ns, until_ns, only) if width else {}
    every = _Total()
    for total in folded[0].values():
        every.join(total)
    return Breakdown(
        total=_spend("all", every),
        groups={name: sorted(_spends(name, totals), key=_by_cost) for name, totals in zip(by, folded, strict=True)},
        times={start: _spend(label(width, start), times[start]) for start in sorted(times)},
    )


def _times(engine: Engine, width: str, since: int, until: int | None, only: Only | None) -> dict[Any, _Total]:
    """From the sums, where the groups are read from the rows: hours of many groups would be many."""
    return {key[0]: total for key, total in _totals(engine, (width,), since, until, only, spread=False).items()}


def _spends(by: str, totals: Mapping[Any, _Total]) -> Iterator[Spend]:
    return (_spend(label(by, value), total) for value, total in totals.items())


def _by_cost(row: Spend) -> tuple[int, str]:
    return -row.cost, row.group


def series(
    engine: Engine, *, width: str, by: str | None, since_ns: int, until_ns: int, only: Only, spread: bool = True
) -> Mapping[int, Sequence[Spend]]:
    """Totals of each hour or day that had any, by its first nanosecond, and within it by one of `GROUPS`.

    Args:
        width: "hour" or "day".
        spread: as of `spend`.
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
) -> defaultdict[tuple[Any, ...], _Total]:
    totals: defaultdict[tuple[Any, ...], _Total] = defaultdict(_Total)
    for key, sums, costs in _pieces(engine, by, since, until, only, spread=spread):
        totals[key].add(sums, costs)
    return totals


def _pieces(
    engine: Engine, by: Sequence[str], since: int, until: int | None, only: Only | None, *, spread: bool
) -> Iterator[tuple[tuple[Any, ...], Sequence[int], Sequence[int]]]:
    """What groups have, from each place that figures come from; either the sums or the pairs may be empty."""
    groups = [GROUPS[name] for name in by]
    periods = _periods(groups, since, END if until is None else until)
    which = only or Only()
    with engine.connect() as connection:
        for key, sums in from_cells(connection, groups, periods, which, spread=spread):
            yield key, sums[: len(SUMS)], read_packed(sums[-1]) if spread else ()
        for key, sums in from_rows(connection, groups, periods.rows, which):
            yield key, sums, ()
        for key, counts in row_costs(connection, groups, periods.rows, which).items() if spread else ():
            yield key, _NOTHING, pairs(counts)


def _periods(groups: Iterable[Group], since: int, until: int) -> Periods:
    if since >= until:
        return Periods()
    if not all(group.summed for group in groups):
        return Periods(rows=((since, until),))
    return split(since, until, by_hour=any(group.span == HOUR for group in groups))


def _spend(group: str, total: _Total) -> Spend:
    sums = dict(zip(SUMS, total.sums, strict=True))
    return Spend(
        group=group,
        **{name: sums[name] for name in _TOLD},
        mean_latency_ns=_mean(sums["latency_ns"], sums["requests"]),
        mean_ttft_ns=_mean(sums["ttft_ns"], sums["ttft_requests"]),
        query=query_cost(sums["requests"], sums["completed"], sums["cost"], total.costs),
    )


def _mean(amount: int, parts: int) -> int:
    return amount // parts if parts else 0
