"""Answers that are kept, for all processes. See cached_tables.py for how they hear of each other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from homeport.core.caching import Alias, Changes, Entry, Purge, Standing
from homeport.core.errors import StorageError
from homeport.storage.cached_changes import number_after_all, read_changes
from homeport.storage.cached_removal import purge_entries, purged
from homeport.storage.cached_rows import body_row, entry_of, entry_row, tag_rows
from homeport.storage.cached_tables import (
    cache_aliases,
    cache_bars,
    cache_bodies,
    cache_entries,
    cache_partitions,
    cache_tags,
)
from homeport.storage.db import unusable, upsert, writing

_IDS_AT_ONCE = 500


class DatabaseEntryStore:
    """`EntryStore` of core.caching, on SQLite and PostgreSQL.

    Args:
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, engine: Engine, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._wall_ns = wall_ns

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        by_id = {entry.card.id: entry for entry in entries}  # of two with one id the last counts
        bodies = {entry_id: body_row(entry) for entry_id, entry in by_id.items()}
        with _told(), writing(self._engine) as connection:
            now = self._wall_ns()
            out = _left_out(connection, by_id, now)
            kept = [entry for entry_id, entry in by_id.items() if entry_id not in out]
            if kept:
                _put(connection, kept, [bodies[entry.card.id] for entry in kept], now)
        return sorted(out)

    def entry(self, entry_id: bytes) -> Entry | None:
        tags = select(cache_tags.c.tag).where(cache_tags.c.id == entry_id).order_by(cache_tags.c.tag)
        whole = select(cache_entries, cache_bodies.c.body).join(cache_bodies, cache_bodies.c.id == cache_entries.c.id)
        living = whole.where(cache_entries.c.id == entry_id, cache_entries.c.expires_at > self._wall_ns())
        with _told(), self._engine.connect() as connection:
            row = connection.execute(living).mappings().one_or_none()
            return None if row is None else entry_of(row, tuple(connection.execute(tags).scalars()))

    def changes(self, after: int, most: int) -> Changes:
        with _told(), self._engine.connect() as connection:
            return read_changes(connection, after, max(1, most), self._wall_ns())

    def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        with _told(), writing(self._engine) as connection:
            return purge_entries(connection, purge, self._wall_ns(), bar_s)

    def alias(self, aliases: Sequence[Alias]) -> None:
        """Aliases of or to what is barred are left out."""
        by_asked = {alias.asked: msgspec.structs.asdict(alias) for alias in aliases}
        with _told(), writing(self._engine) as connection:
            now = self._wall_ns()
            barred = _barred(connection, [each for alias in aliases for each in (alias.asked, alias.answered)], now)
            rows = [row for row in by_asked.values() if barred.isdisjoint((row["asked"], row["answered"]))]
            _replace(connection, cache_aliases, rows, now)

    def stand(self, standings: Sequence[Standing]) -> None:
        by_partition = {standing.partition: msgspec.structs.asdict(standing) for standing in standings}
        with _told(), writing(self._engine) as connection:
            now = self._wall_ns()
            _replace(connection, cache_partitions, [{**row, "at": now} for row in by_partition.values()], now)


def _left_out(connection: Connection, by_id: dict[bytes, Entry], now: int) -> set[bytes]:
    if not by_id:
        return set()
    over = {entry_id for entry_id, entry in by_id.items() if entry.card.expires_at <= now}
    return over | _barred(connection, [*by_id], now) | {*purged(connection, [*by_id.values()])}


def _barred(connection: Connection, ids: Sequence[bytes], now: int) -> set[bytes]:
    found: set[bytes] = set()
    for some in _parts(ids):
        query = select(cache_bars.c.id).where(cache_bars.c.id.in_(some), cache_bars.c.until > now)
        found.update(connection.execute(query).scalars())
    return found


def _put(connection: Connection, entries: Sequence[Entry], bodies: Sequence[dict[str, Any]], now: int) -> None:
    first = number_after_all(connection, now, len(entries))
    rows = [entry_row(entry, number) for number, entry in enumerate(entries, first)]
    for some in _parts([entry.card.id for entry in entries]):
        connection.execute(delete(cache_tags).where(cache_tags.c.id.in_(some)))
    connection.execute(upsert(connection, cache_entries), rows)
    connection.execute(upsert(connection, cache_bodies), bodies)
    if tags := [row for entry in entries for row in tag_rows(entry)]:
        connection.execute(insert(cache_tags), tags)


def _replace(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], now: int) -> None:
    if rows:
        number = number_after_all(connection, now)
        connection.execute(upsert(connection, table), [{**row, "number": number} for row in rows])


def _parts(ids: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (ids[first : first + _IDS_AT_ONCE] for first in range(0, len(ids), _IDS_AT_ONCE))


@contextmanager
def _told() -> Iterator[None]:
    """What the database or its driver refuses, in words for a person."""
    try:
        yield
    except SQLAlchemyError as error:
        raise unusable(error) from error
    except (OverflowError, UnicodeError) as error:  # the driver's, of values that no column takes
        raise StorageError(f"the database cannot hold this: {type(error).__name__}") from error
