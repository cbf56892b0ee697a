"""What is kept in the database, in figures: for people who look after it."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, select

from homeport.storage.cached_tables import cache_aliases, cache_bars, cache_entries, cache_partitions
from homeport.storage.tables import requests

MOST = 100
"""Tenants, models and partitions that are told."""


class Amount(msgspec.Struct, frozen=True):
    """How many entries, and how many bytes they have, as in memory."""

    entries: int = 0
    bytes: int = 0


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
    """What the ledger says of requests that asked the cache since a time, by kind; nanoseconds since the epoch."""
    query = (
        select(requests.c.cache, func.count(), func.coalesce(func.sum(requests.c.saved_cost), 0))
        .where(requests.c.started_at >= since, requests.c.cache != "")
        .group_by(requests.c.cache)
        .order_by(requests.c.cache)
    )
    with engine.connect() as connection:
        return {kind: Answered(int(count), int(saved)) for kind, count, saved in connection.execute(query)}


def is_off(engine: Engine, partition: bytes) -> bool:
    """Whether a partition has switched itself off."""
    query = select(cache_partitions.c.off).where(cache_partitions.c.partition == partition)
    with engine.connect() as connection:
        return bool(connection.execute(query).scalar())


def cache_figures(engine: Engine, now: int) -> CacheFigures:
    """What lives at a time, in nanoseconds since the epoch. It looks at every entry: about 0.1 s for 100,000."""
    with engine.connect() as connection:
        return CacheFigures(
            total=_by(connection, now).get("", Amount()),
            tenants=_by(connection, now, "tenant"),
            models=_by(connection, now, "target"),
            partitions=_partitions(connection, now),
            aliases=_count(connection, cache_aliases.c.expires_at > now),
            barred=_count(connection, cache_bars.c.until > now),
            off=_count(connection, cache_partitions.c.off > 0),
            checked=_checked(connection, now),
        )


def _by(connection: Connection, now: int, column: str = "") -> Mapping[str, Amount]:
    groups = [cache_entries.c[column]] if column else []
    count, size = func.count(), func.coalesce(func.sum(cache_entries.c.size), 0)
    query = select(*groups, count, size).where(cache_entries.c.expires_at > now).group_by(*groups)
    rows = connection.execute(query.order_by(size.desc(), *groups).limit(MOST)).all()
    return {str(row[0]) if column else "": Amount(int(row[-2]), int(row[-1])) for row in rows}


def _partitions(connection: Connection, now: int) -> int:
    query = select(func.count(cache_entries.c.partition.distinct())).where(cache_entries.c.expires_at > now)
    return int(connection.execute(query).scalar_one())


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(condition)).scalar_one())


def _checked(connection: Connection, now: int) -> Sequence[PartitionFigures]:
    """Those that are off first, then those with the most wrong answers."""
    table = cache_partitions.c
    worst = (table.off.desc(), table.wrong.desc(), table.checked.desc(), table.partition)
    rows = connection.execute(select(cache_partitions).order_by(*worst).limit(MOST)).mappings().all()
    ids = [row["partition"] for row in rows]
    living = cache_entries.c.expires_at > now, cache_entries.c.partition.in_(ids)
    counted = select(cache_entries.c.partition, func.count()).where(*living).group_by(cache_entries.c.partition)
    entries = {bytes(partition): int(count) for partition, count in connection.execute(counted)}
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
