"""Journal segments into the database, exactly once.

The rows of a batch and the segment's new offset are committed in one transaction, so a crash
leaves both or neither. Several processes may run this at once: the offset is read under the
transaction's write lock.
"""

from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, String, delete, select, update

from homeport.core.events import RequestFinished
from homeport.storage import journal
from homeport.storage.db import insert_new, writing
from homeport.storage.tables import journal_offsets, requests

_LENGTHS = tuple(
    (column.name, column.type.length)
    for column in requests.columns
    if isinstance(column.type, String) and column.type.length is not None
)
"""How long the texts of a row may be."""


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


def ingest(engine: Engine, folder: Path) -> Ingested:
    """Bring the database up to date with every segment of a folder."""
    total = Ingested()
    journal.clear_unopened(folder)
    for path in journal.segments(folder):
        try:
            total = total.plus(_ingest_segment(engine, path))
        except FileNotFoundError:
            continue  # another process finished it between the listing and now
    return total


def _ingest_segment(engine: Engine, path: Path) -> Ingested:
    with path.open("rb") as file:
        abandoned = journal.take_if_abandoned(file.fileno())
        with writing(engine) as connection:
            offset = _locked_offset(connection, path.name)
            file.seek(offset)
            events, done, lost = journal.read_frames(file.read(), abandoned=abandoned)
            insert_events(connection, events)
            _advance(connection, path.name, offset + done)
        if abandoned:
            path.unlink()
            _forget(engine, path.name)
    return Ingested(rows=len(events), segments=int(abandoned), lost_bytes=lost)


def _locked_offset(connection: Connection, segment: str) -> int:
    connection.execute(insert_new(connection, journal_offsets).values(segment=segment, offset=0))
    query = select(journal_offsets.c.offset).where(journal_offsets.c.segment == segment).with_for_update()
    return int(connection.execute(query).scalar_one())


def insert_events(connection: Connection, events: list[RequestFinished]) -> None:
    """Add rows to the ledger; those whose request is there stay as they are."""
    if events:
        connection.execute(insert_new(connection, requests), [_row(event) for event in events])


def _row(event: RequestFinished) -> dict[str, object]:
    row = {name: getattr(event, name) for name in event.__struct_fields__}
    row |= {name: _fitting(row[name], length) for name, length in _LENGTHS}
    row["outcome"] = str(event.outcome)
    row["attempts"] = msgspec.json.encode(event.attempts).decode()
    return row


def _fitting(text: str, length: int) -> str:
    """Callers choose some of these words, and PostgreSQL refuses what is too long or has a NUL in it."""
    return text if len(text) <= length and "\0" not in text else text.replace("\0", "\ufffd")[:length]


def _advance(connection: Connection, segment: str, offset: int) -> None:
    connection.execute(update(journal_offsets).where(journal_offsets.c.segment == segment).values(offset=offset))


def _forget(engine: Engine, segment: str) -> None:
    with writing(engine) as connection:
        connection.execute(delete(journal_offsets).where(journal_offsets.c.segment == segment))
