"""Journal segments into the database, exactly once.

The rows of a batch, their places in the chain, the sums they belong to and the segment's new offset are
committed in one transaction, so a crash leaves all or nothing. Several processes may run this at once:
what a batch needs is read and decoded before the transaction, which goes on only where nobody else has
moved the offset since. A batch is small, so whoever else writes waits for milliseconds.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Connection, Engine, String, delete, insert, select, update

from homeport.core.events import RequestFinished
from homeport.storage import chain, decisions, journal, rollups
from homeport.storage.chain import Row
from homeport.storage.db import insert_new, writing
from homeport.storage.tables import journal_offsets, requests

logger = logging.getLogger(__name__)

BATCH_ROWS = 1_000
_READ_BYTES = 4 << 20
"""More than the longest frame, so that what is read always holds a whole one."""
_LENGTHS = tuple(
    (column.name, column.type.length)
    for column in requests.columns
    if isinstance(column.type, String) and column.type.length is not None and column.name != "hash"
)
"""How long the texts of a row may be."""
_FIELDS = tuple(name for name in RequestFinished.__struct_fields__ if name in requests.c)
_values = attrgetter(*_FIELDS)


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did: rows inserted, segments finished and removed, bytes that no frame explains."""

    rows: int = 0
    segments: int = 0
    lost_bytes: int = 0

    def plus(self, other: "Ingested") -> "Ingested":
        return Ingested(
            rows=self.rows + other.rows,
            segments=self.segments + other.segments,
            lost_bytes=self.lost_bytes + other.lost_bytes,
        )


Seen = Callable[[Sequence[RequestFinished]], None]
"""Told of events that this process brought into the database; it neither fails nor waits."""


def _nobody(_: Sequence[RequestFinished]) -> None:
    pass


def ingest(engine: Engine, folder: Path, seen: Seen = _nobody) -> Ingested:
    """Bring the database up to date with every segment of a folder."""
    total = Ingested()
    journal.clear_unopened(folder)
    for path in journal.segments(folder):
        try:
            total = total.plus(_ingest_segment(engine, path, seen))
        except FileNotFoundError:
            continue  # another process finished it between the listing and now
    return total


def _ingest_segment(engine: Engine, path: Path, seen: Seen) -> Ingested:
    total = Ingested()
    with path.open("rb") as file:
        abandoned = journal.take_if_abandoned(file.fileno())
        for batch in _batches(engine, file, path.name, abandoned=abandoned):
            total = total.plus(_commit(engine, path.name, batch, seen))
        if total.lost_bytes:
            logger.error("%d unreadable bytes of the journal segment %s were skipped", total.lost_bytes, path.name)
        if abandoned:
            path.unlink(missing_ok=True)
            _forget(engine, path.name)
            total = total.plus(Ingested(segments=1))
    return total


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The events from a frame's start at `offset` to another's at `end`."""

    offset: int
    end: int
    events: list[RequestFinished]
    lost_bytes: int


def _batches(engine: Engine, file: BinaryIO, segment: str, *, abandoned: bool) -> Iterator[_Batch]:
    """What the database lacks of a segment. Each is read where the one before ended, or another process did."""
    while (batch := _read(file, _offset(engine, segment), abandoned=abandoned)).end > batch.offset:
        yield batch


def _read(file: BinaryIO, offset: int, *, abandoned: bool) -> _Batch:
    file.seek(offset)
    data = file.read(_READ_BYTES)
    whole = len(data) < _READ_BYTES
    events, done, lost = journal.read_frames(data, abandoned=abandoned and whole, most=BATCH_ROWS)
    if not done and not whole:  # Megabytes that no frame explains: look for the next one in all that is left.
        data += file.read()
        events, done, lost = journal.read_frames(data, abandoned=abandoned, most=BATCH_ROWS)
    return _Batch(offset=offset, end=offset + done, events=events, lost_bytes=lost)


def _commit(engine: Engine, segment: str, batch: _Batch, seen: Seen) -> Ingested:
    rows, beside = _rows(batch.events)
    with writing(engine) as connection:
        if _locked_offset(connection, segment) != batch.offset:
            return Ingested()  # another process was faster
        inserted = append(connection, rows, beside)
        _advance(connection, segment, batch.end)
    seen(batch.events)
    return Ingested(rows=inserted, lost_bytes=batch.lost_bytes)


def insert_events(connection: Connection, events: list[RequestFinished]) -> int:
    """Add events to the ledger as `append` does."""
    return append(connection, *_rows(events))


def append(connection: Connection, rows: list[Row], beside: list[Row] | None = None) -> int:
    """Add rows to the ledger, its chains and its sums, without those whose request is there; says how many.

    Args:
        beside: what is kept to learn from, of some of the same requests.
    """
    if not rows:
        return 0
    heads = chain.lock_heads(connection, {row["project"] for row in rows})
    new = _without_known(connection, rows)
    if new:
        chain.save_heads(connection, chain.extend(heads, new))
        _insert(connection, new)
        rollups.add(connection, new)
    if beside:
        decisions.add(connection, beside)
    return len(new)


def _insert(connection: Connection, rows: list[Row]) -> None:
    """The statement as SQLAlchemy writes it, but straight to the driver: that saves a fifth of the whole."""
    statement: Any = insert(requests).compile(dialect=connection.dialect)
    if statement.positiontup:
        values = itemgetter(*statement.positiontup)
        connection.exec_driver_sql(statement.string, [values(row) for row in rows])
    else:
        connection.exec_driver_sql(statement.string, rows)


def _without_known(connection: Connection, rows: list[Row]) -> list[Row]:
    by_id = {row["request_id"]: row for row in reversed(rows)}  # of two with one id the first counts
    known = select(requests.c.request_id).where(requests.c.request_id.in_(list(by_id)))
    there = set(connection.execute(known).scalars())
    return [row for row in rows if row["request_id"] not in there and by_id[row["request_id"]] is row]


def _rows(events: list[RequestFinished]) -> tuple[list[Row], list[Row]]:
    """Rows of the ledger, and of `decisions` for those events that have something to learn from."""
    return [_row(event) for event in events], [
        decisions.row_of(event) for event in events if decisions.worth_keeping(event)
    ]


def _row(event: RequestFinished) -> Row:
    row: Row = dict(zip(_FIELDS, _values(event), strict=True))
    row["outcome"] = event.outcome.value
    row["attempts"] = msgspec.json.encode(event.attempts).decode()
    for name, length in _LENGTHS:
        text = row[name]
        if len(text) > length or "\0" in text:  # Callers choose some of these words, and PostgreSQL refuses both.
            row[name] = text.replace("\0", "\ufffd")[:length]
    return row


def _offset(engine: Engine, segment: str) -> int:
    with engine.connect() as connection:
        return connection.execute(_offset_of(segment)).scalar() or 0


def _locked_offset(connection: Connection, segment: str) -> int:
    connection.execute(insert_new(connection, journal_offsets).values(segment=segment, offset=0))
    return int(connection.execute(_offset_of(segment).with_for_update()).scalar_one())


def _offset_of(segment: str) -> Any:
    return select(journal_offsets.c.offset).where(journal_offsets.c.segment == segment)


def _advance(connection: Connection, segment: str, offset: int) -> None:
    connection.execute(update(journal_offsets).where(journal_offsets.c.segment == segment).values(offset=offset))


def _forget(engine: Engine, segment: str) -> None:
    with writing(engine) as connection:
        connection.execute(delete(journal_offsets).where(journal_offsets.c.segment == segment))
