"""What is kept in the database, in figures: for people who look after it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, func, literal, select, text

from homeport.core.caching import Kind
from homeport.storage.cached_tables import cache_aliases, cache_bars, cache_entries, cache_partitions
from homeport.storage.tables import WHERE_NAMED, requests

_HITS = tuple(kind.value for kind in Kind if kind is not Kind.MISS)

MOST = 100
"""Tenants, models and partitions that are told."""


class Amount(msgspec.Struct, frozen=True):
    """How many entries, and how many bytes they have, as in memory."""

    entries: int = 0
    bytes: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.entries + other.entries, self.bytes + other.bytes)


class PartitionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of which semantic answers were checked.

    Attributes:
        off: when it switched itself off, in nanoseconds since the epoch; 0 while it answers.
    """

    partition: bytes
    entries: int
    checked: int
    wrong: int
    off: int


class CacheFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of all processes together. `tenants` and `models` are the largest, `checked` the worst partitions."""

    total: Amount
    tenants: Mapping[str, Amount]
    models: Mapping[str, Amount]
    partitions: int
    aliases: int
    barred: int
    off: int
    checked: Sequence[PartitionFigures]


class Answered(msgspec.Struct, frozen=True):
    """Requests that the cache answered in one way, or did not, and the nano-dollars that they saved."""

    requests: int
    saved: int


def answered(engine: Engine, since: int) -> Mapping[str, Answered]:
    """What the ledger says of requests that asked the cache since a time, by kind; nanoseconds since the epoch.

    Those that it did not answer are most, saved nothing, and are counted in the index alone.
    """
    asked = WHERE_NAMED["cache"]
    missed = requests.c.cache == Kind.MISS.value
    saved = func.coalesce(func.sum(requests.c.saved_cost), 0)
    counts = (
        select(requests.c.cache, func.count(), literal(0)).where(missed),
        select(requests.c.cache, func.count(), saved).where(requests.c.cache.in_(_HITS)),
    )
    found: dict[str, Answered] = {}
    with engine.connect() as connection:
        for query in counts:
            within = query.with_hint(requests, "INDEXED BY requests_by_cache", "sqlite").where(
                requests.c.started_at >= since, text(asked)
            )
            for kind, count, amount in connection.execute(within.group_by(requests.c.cache)):
                found[kind] = Answered(int(count), int(amount))
    return {kind: found[kind] for kind in sorted(found)}


def is_off(engine: Engine, partition: bytes) -> bool:
    """Whether a partition has switched itself off."""
    query = select(cache_partitions.c.off).where(cache_partitions.c.partition == partition)
    with engine.connect() as connection:
        return bool(connection.execute(query).scalar())


def cache_figures(engine: Engine, now: int) -> CacheFigures:
    """What lives at a time, in nanoseconds since the epoch. It looks at every entry once, in an index."""
    total = Amount()
    partitions: defaultdict[bytes, int] = defaultdict(int)
    tenants: defaultdict[str, Amount] = defaultdict(Amount)
    models: defaultdict[str, Amount] = defaultdict(Amount)
    with engine.connect() as connection:
        for tenant, target, partition, count, size in connection.execute(_living(now)):
            amount = Amount(int(count), int(size))
            total = total.plus(amount)
            tenants[tenant] = tenants[tenant].plus(amount)
            models[target] = models[target].plus(amount)
            partitions[bytes(partition)] += amount.entries
        return CacheFigures(
            total=total,
            tenants=_largest(tenants),
            models=_largest(models),
            partitions=len(partitions),
            aliases=_count(connection, cache_aliases.c.expires_at > now),
            barred=_count(connection, cache_bars.c.until > now),
            off=_count(connection, cache_partitions.c.off > 0),
            checked=_checked(connection, partitions),
        )


def _living(now: int) -> Select[Any]:
    table = cache_entries.c
    groups = (table.tenant, table.target, table.partition)
    size = func.coalesce(func.sum(table.size), 0)
    return select(*groups, func.count(), size).where(table.expires_at > now).group_by(*groups)


def _largest(amounts: Mapping[str, Amount]) -> Mapping[str, Amount]:
    ranked = sorted(amounts.items(), key=lambda one: (-one[1].bytes, one[0]))
    return dict(ranked[:MOST])


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(condition)).scalar_one())


def _checked(connection: Connection, entries: Mapping[bytes, int]) -> Sequence[PartitionFigures]:
    """Those that are off first, then those with the most wrong answers; `entries` by partition, where there are any."""
    table = cache_partitions.c
    worst = (table.off.desc(), table.wrong.desc(), table.checked.desc(), table.partition)
    rows = connection.execute(select(cache_partitions).order_by(*worst).limit(MOST)).mappings().all()
    return [
        PartitionFigures(
            partition=bytes(row["partition"]),
            entries=entries.get(bytes(row["partition"]), 0),
            checked=row["checked"],
            wrong=row["wrong"],
            off=row["off"],
        )
        for row in rows
    ]
