"""What happened to the entries of the cache, told to processes that ask now and then.

A row has the number of what happened to it last, so nobody reads of an entry that was replaced or is gone, and what a
process hears in one answer is a state and no story.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from homeport.core.caching import Alias, Bar, Changes, Purge, Standing
from homeport.storage.cached_rows import CARD_COLUMNS, cards_of, purge_of
from homeport.storage.cached_tables import (
    cache_aliases,
    cache_bars,
    cache_entries,
    cache_partitions,
    cache_purges,
    cache_removals,
    cache_sequence,
)
from homeport.storage.db import upsert


def number_after_all(connection: Connection, now: int, count: int = 1) -> int:
    """The first of `count` new numbers. The caller is the only writer, until it commits.

    A number is at least the time in microseconds: where a database is restored from a backup, what it says then
    is still after what processes have heard.

    Args:
        now: nanoseconds since the epoch.
    """
    first = max(_last(connection) + 1, now // 1_000)
    connection.execute(upsert(connection, cache_sequence), [{"id": 1, "number": first + count - 1}])
    return first


def read_changes(connection: Connection, after: int, most: int, now: int) -> Changes:
    """As `EntryStore.changes`. The last number is read first: what is committed later is for the next time."""
    last = _last(connection)
    if last <= after:
        return Changes(upto=after)
    living = cache_entries.c.expires_at > now
    wanted = select(cache_entries.c.number, *CARD_COLUMNS).where(_between(cache_entries, after, last), living)
    rows = connection.execute(wanted.order_by(cache_entries.c.number).limit(most + 1)).mappings().all()
    more = len(rows) > most
    upto = rows[most - 1]["number"] if more else last
    return Changes(upto=upto, more=more, cards=cards_of(rows[:most]), **_beside(connection, after, upto, now))


def _beside(connection: Connection, after: int, upto: int, now: int) -> dict[str, Sequence[Any]]:
    removals, aliases, bars, parts = cache_removals, cache_aliases, cache_bars, cache_partitions
    removed = select(removals.c.id).where(_between(removals, after, upto), removals.c.until > now)
    known = select(aliases.c.asked, aliases.c.answered, aliases.c.expires_at)
    barred = select(bars.c.id, bars.c.until).where(_between(bars, after, upto), bars.c.until > now)
    standing = select(parts.c.partition, parts.c.checked, parts.c.wrong, parts.c.off)
    return {
        "removed": connection.execute(removed).scalars().all(),
        "aliases": [
            Alias(*row)
            for row in connection.execute(known.where(_between(aliases, after, upto), aliases.c.expires_at > now))
        ],
        "barred": [Bar(*row) for row in connection.execute(barred)],
        "standings": [
            Standing(**row) for row in connection.execute(standing.where(_between(parts, after, upto))).mappings()
        ],
        "purges": _purges(connection, after, upto) if after else (),
    }


def _purges(connection: Connection, after: int, upto: int) -> Sequence[tuple[int, Purge]]:
    """Those since a process began: it has nothing that is older."""
    query = select(cache_purges.c.at, cache_purges.c.criteria).where(_between(cache_purges, after, upto))
    rows = connection.execute(query.order_by(cache_purges.c.number))
    told = [(at, purge_of(criteria)) for at, criteria in rows]
    return [(at, purge) for at, purge in told if purge is not None]


def _between(table: Table, after: int, upto: int) -> ColumnElement[bool]:
    return (table.c.number > after) & (table.c.number <= upto)


def _last(connection: Connection) -> int:
    return connection.execute(select(cache_sequence.c.number)).scalar() or 0
