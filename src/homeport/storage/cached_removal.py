"""How entries leave the cache: somebody takes them out, their time is over, or there are too many.

What is taken out is told to other processes; what is over they know by themselves.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Float,
    LargeBinary,
    Subquery,
    Table,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union,
)

from homeport.core.caching import Entry, Purge
from homeport.storage.cached_changes import number_after_all
from homeport.storage.cached_rows import LONGEST_TAG, purge_of
from homeport.storage.cached_tables import (
    cache_aliases,
    cache_bars,
    cache_bodies,
    cache_entries,
    cache_partitions,
    cache_purges,
    cache_removals,
    cache_tags,
)
from homeport.storage.db import writing

BATCH = 2_000
"""Entries that one transaction removes, at most: others wait for it for some tens of milliseconds."""

_S = 1_000_000_000
_REMEMBERED_NS = 3_600 * _S
"""How long a removal is told at least, and a purge known: what was made before it is then put in or lost."""

_STANDING_NS = 90 * 86_400 * _S


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much the database may have of entries.

    Attributes:
        entries, bytes: of all tenants together.
        tenant_percent: the part of both that one tenant may have.
    """

    entries: int
    bytes: int
    tenant_percent: float = 100.0


def purge_entries(connection: Connection, purge: Purge, now: int, bar_s: int = 0) -> int:
    """As `EntryStore.purge`, by the only writer. What was made before and is not in yet is to be kept out.

    Where an id is all that is said, there need be no entry: it is barred, and aliases of it go.
    """
    chosen = _chosen(purge)
    living = and_(chosen, cache_entries.c.expires_at > now)
    count = connection.execute(select(func.count()).select_from(cache_entries).where(living)).scalar_one()
    number = number_after_all(connection, now)
    if bar_s > 0:
        _bar(connection, _ids(living, purge.alone), number, now + bar_s * _S)
    _take_out(connection, chosen, number, now, purge.alone)
    criteria = msgspec.json.encode(purge).decode()
    connection.execute(insert(cache_purges).values(number=number, at=now, criteria=criteria))
    return int(count)


def purged(connection: Connection, entries: Sequence[Entry]) -> Iterator[bytes]:
    """The ids of those entries that were made before a purge that they belong to."""
    oldest = min(entry.created_at for entry in entries)
    by_id = {entry.card.id: entry for entry in entries}
    query = select(cache_purges.c.at, cache_purges.c.criteria).where(cache_purges.c.at > oldest)
    for at, criteria in connection.execute(query):
        purge = purge_of(criteria)
        if purge is None:
            continue
        # Of purges by an id there may be as many as callers have bad answers.
        meant = by_id.values() if purge.id is None else filter(None, [by_id.get(purge.id)])
        yield from (entry.card.id for entry in meant if entry.created_at < at and _belongs(entry, purge))


def prune(engine: Engine, now: int, most: int = BATCH) -> int:
    """Remove entries that have ended, the oldest first, and what else is over; how many entries, at most `most`."""
    ended = select(cache_entries.c.id).where(cache_entries.c.expires_at <= now).order_by(cache_entries.c.expires_at)
    with engine.connect() as connection:
        ids = connection.execute(ended.limit(most)).scalars().all()
        if not ids and not any(connection.execute(select(exists().where(over))).scalar() for _, over in _over(now)):
            return 0  # the usual case, and no reason to lock the database
    with writing(engine) as connection:
        # One may have been replaced meanwhile by one that lives.
        still = connection.execute(ended.where(cache_entries.c.id.in_(ids))).scalars().all()
        for table in (cache_bodies, cache_tags, cache_entries):
            connection.execute(delete(table).where(table.c.id.in_(still)))
        for table, over in _over(now):
            connection.execute(delete(table).where(over))
    return len(still)


def trim(engine: Engine, bounds: Bounds, now: int, most: int = BATCH) -> int:
    """Take entries out of a tenant that has too many, or of all; how many, at most `most`.

    Those go first that can save least a byte in the time that they have left.
    """
    with engine.connect() as connection:
        ids = next((ids for ids in _too_many(connection, bounds, now, most) if ids), [])
    if ids:
        with writing(engine) as connection:
            number = number_after_all(connection, now)
            _take_out(connection, cache_entries.c.id.in_(ids), number, now)
    return len(ids)


def _too_many(connection: Connection, bounds: Bounds, now: int, most: int) -> Iterator[list[bytes]]:
    share = bounds.tenant_percent / 100
    count, size = func.count(), func.coalesce(func.sum(cache_entries.c.size), 0)
    tenants = connection.execute(select(cache_entries.c.tenant, count, size).group_by(cache_entries.c.tenant)).all()
    for tenant, entries, held in tenants:
        over = (entries - max(1, round(bounds.entries * share)), int(held) - int(bounds.bytes * share))
        yield _least(connection, cache_entries.c.tenant == tenant, over, now, most)
    over = (sum(row[1] for row in tenants) - bounds.entries, sum(int(row[2]) for row in tenants) - bounds.bytes)
    yield _least(connection, true(), over, now, most)


def _least(
    connection: Connection, chosen: ColumnElement[bool], over: tuple[int, int], now: int, most: int
) -> list[bytes]:
    """The entries that go so that so many entries and bytes are there less."""
    entries, held = over
    if entries <= 0 and held <= 0:
        return []
    table = cache_entries.c
    worth = cast(table.cost, Float) * (table.expires_at - now) / (table.size + 1)
    ids: list[bytes] = []
    query = select(table.id, table.size).where(chosen).order_by(worth, table.expires_at, table.id).limit(most)
    for entry_id, size in connection.execute(query):
        if entries <= 0 and held <= 0:
            break
        ids.append(entry_id)
        entries, held = entries - 1, held - size
    return ids


def _take_out(
    connection: Connection, chosen: ColumnElement[bool], number: int, now: int, alone: bytes | None = None
) -> None:
    """Remove entries, and `alone` in any case. Their removals come first, and tell later statements what goes."""
    longest = connection.execute(select(func.max(cache_entries.c.expires_at)).where(chosen)).scalar()
    until = max(longest or 0, now + _REMEMBERED_NS)
    ids = _ids(chosen, alone)
    connection.execute(delete(cache_removals).where(cache_removals.c.id.in_(select(ids.c.id))))
    rows = select(ids.c.id, literal(number), literal(until))
    connection.execute(insert(cache_removals).from_select(["id", "number", "until"], rows))
    gone = select(cache_removals.c.id).where(cache_removals.c.number == number)
    either = or_(cache_aliases.c.asked.in_(gone), cache_aliases.c.answered.in_(gone))
    connection.execute(delete(cache_aliases).where(either))
    for table in (cache_bodies, cache_tags, cache_entries):
        connection.execute(delete(table).where(table.c.id.in_(gone)))


def _bar(connection: Connection, ids: Subquery, number: int, until: int) -> None:
    """Bar entries while they are there. One that has ended is not barred: it may have been pruned as well."""
    connection.execute(delete(cache_bars).where(cache_bars.c.id.in_(select(ids.c.id))))
    rows = select(ids.c.id, literal(number), literal(until))
    connection.execute(insert(cache_bars).from_select(["id", "number", "until"], rows))


def _ids(chosen: ColumnElement[bool], alone: bytes | None) -> Subquery:
    found = select(cache_entries.c.id).where(chosen)
    return (found if alone is None else union(found, select(literal(alone, LargeBinary).label("id")))).subquery()


def _chosen(purge: Purge) -> ColumnElement[bool]:
    """The entries to which a purge applies; `_belongs` says the same of one that is not in."""
    table = cache_entries.c
    said = {name: getattr(purge, name) for name in ("id", "partition", "key_id", "prompt")}
    chosen = [table[name] == value for name, value in said.items() if value is not None]
    if purge.model is not None:
        chosen.append(or_(table.model == purge.model, table.target == purge.model))
    if purge.tag is not None:
        chosen.append(exists().where(cache_tags.c.id == table.id, cache_tags.c.tag == purge.tag[:LONGEST_TAG]))
    return and_(true(), *chosen)


def _belongs(entry: Entry, purge: Purge) -> bool:
    card = entry.card
    said: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (purge.id, (card.id,)),
        (purge.partition, (card.partition,)),
        (purge.key_id, (entry.key_id,)),
        (purge.prompt, (entry.prompt,)),
        (purge.model, (entry.model, entry.target)),
        (purge.tag and purge.tag[:LONGEST_TAG], tuple(tag[:LONGEST_TAG] for tag in entry.tags)),
    )
    return all(wanted is None or wanted in values for wanted, values in said)


def _over(now: int) -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    """What is over besides entries."""
    return (
        (cache_aliases, cache_aliases.c.expires_at <= now),
        (cache_bars, cache_bars.c.until <= now),
        (cache_removals, cache_removals.c.until <= now),
        (cache_purges, cache_purges.c.at <= now - _REMEMBERED_NS),
        (cache_partitions, cache_partitions.c.at <= now - _STANDING_NS),
    )
