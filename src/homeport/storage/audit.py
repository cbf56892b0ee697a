"""The audit log at rest: who changed what, in one chain of hashes that nothing can be taken out of unseen.

A row is written in the transaction of the change it tells of, so that neither is there without the other.
Its hash is that of `storage/chain.py`, over the row before it. Retention removes rows from the old end alone,
and notes the hash of the last one removed, so that what is left can still be checked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from homeport.core.audit import Actor
from homeport.storage.chain import GENESIS, Head, link
from homeport.storage.db import insert_new, writing
from homeport.storage.people_tables import audit, audit_ends

Facts = Mapping[str, Any]
Note = Callable[[Connection, Facts, Facts], None]
"""Writes down a change in its own transaction, from what was before and what is after; {} for nothing."""

_MOST_BYTES = 16_384
_LENGTHS = {"actor": 160, "role": 16, "address": 64, "action": 64, "subject": 160, "request_id": 40}
_AT_ONCE = 1_000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log. `at` is in nanoseconds since the epoch; `before` and `after` have what differs."""

    sequence: int
    at: int
    actor: str
    origin: str
    role: str
    address: str
    action: str
    subject: str
    before: Facts
    after: Facts
    request_id: str
    hash: str


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain begins and ends: the newest row, and the last that retention removed."""

    newest: Head = Head()
    removed: Head = Head()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; "" for all.

    Attributes:
        below: only rows with a smaller sequence; 0 for all.
        action: whole, such as `key.revoke`, or its first word.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    origin: str = ""
    below: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain is not as it was written."""

    sequence: int
    what: str


def write(
    connection: Connection, actor: Actor, action: str, subject: str, before: Facts, after: Facts, at: int
) -> None:
    """Append a row; the caller's transaction holds the end of the chain until it ends.

    Args:
        action: what was done, such as `key.revoke`.
        before, after: without secrets; what is the same in both is left out.
        at: nanoseconds since the epoch.
    """
    ends = _locked(connection)
    sequence = ends.newest.sequence + 1
    row: dict[str, Any] = {
        "sequence": sequence,
        "at": at,
        **_shortened(
            actor=actor.name,
            role=actor.role,
            address=actor.address,
            request_id=actor.request_id,
            action=action,
            subject=subject,
        ),
        "origin": str(actor.origin),
        "before": _text(_differing(before, after)),
        "after": _text(_differing(after, before)),
    }
    row["hash"] = link(ends.newest.hash, row)
    connection.execute(insert(audit).values(row))
    connection.execute(update(audit_ends).values(sequence=sequence, hash=row["hash"]))


class Recorder:
    """Appends rows for what is no change of the database, or was committed apart.

    Args:
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, engine: Engine, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._wall_ns = wall_ns

    def __call__(self, actor: Actor, action: str, subject: str, after: Facts, before: Facts | None = None) -> None:
        """Say who did what to what. Raises SQLAlchemyError."""
        with writing(self._engine) as connection:
            write(connection, actor, action, subject, before or {}, after, self._wall_ns())


def entries(engine: Engine, asked: Asked, most: int) -> Sequence[Entry]:
    """The newest rows first, at most `most`."""
    query = select(audit).order_by(audit.c.sequence.desc()).limit(most)
    for name in ("actor", "subject", "origin"):
        if value := getattr(asked, name):
            query = query.where(audit.c[name] == _clean(value))
    if asked.action:
        first = audit.c.action.startswith(f"{_clean(asked.action)}.", autoescape=True)
        query = query.where((audit.c.action == _clean(asked.action)) | first)
    if asked.below:
        query = query.where(audit.c.sequence < asked.below)
    with engine.connect() as connection:
        return [_entry(row) for row in connection.execute(query).mappings()]


def broken(engine: Engine) -> Iterator[Broken]:
    """Where the chain is not as it was written, oldest first; nothing where all is well."""
    ends = read_ends(engine)
    head = ends.removed
    for row in _rows(engine, ends.removed.sequence):
        if row["sequence"] != head.sequence + 1:
            yield Broken(sequence=head.sequence + 1, what="removed")
        elif link(head.hash, dict(row)) != row["hash"]:
            yield Broken(sequence=row["sequence"], what="changed")
        head = Head(row["sequence"], row["hash"])
    if head != ends.newest:
        yield Broken(sequence=ends.newest.sequence, what="removed" if head.sequence < ends.newest.sequence else "added")


def read_ends(engine: Engine) -> Ends:
    with engine.connect() as connection:
        row = connection.execute(select(audit_ends)).mappings().one_or_none()
        return Ends() if row is None else _ends(row)


def prune_audit(engine: Engine, before: int, most: int) -> int:
    """Remove the oldest rows of before a time (nanoseconds since the epoch); how many, at most `most`."""
    with engine.connect() as connection:
        oldest = select(audit.c.sequence).order_by(audit.c.sequence).limit(most).subquery()
        last = connection.execute(
            select(func.max(audit.c.sequence)).where(audit.c.sequence.in_(select(oldest)), audit.c.at < before)
        ).scalar()
    if last is None:
        return 0
    with writing(engine) as connection:
        _locked(connection)
        hashed = connection.execute(select(audit.c.hash).where(audit.c.sequence == last)).scalar()
        if hashed is None:
            return 0
        removed = connection.execute(delete(audit).where(audit.c.sequence <= last)).rowcount
        connection.execute(update(audit_ends).values(pruned=last, pruned_hash=hashed))
    return int(removed)


def _locked(connection: Connection) -> Ends:
    """The ends of the chain; nobody else appends before the transaction ends."""
    first = {"id": 1, "sequence": 0, "hash": GENESIS, "pruned": 0, "pruned_hash": GENESIS}
    connection.execute(insert_new(connection, audit_ends), [first])
    return _ends(connection.execute(select(audit_ends).with_for_update()).mappings().one())


def _ends(row: RowMapping) -> Ends:
    return Ends(newest=Head(row["sequence"], row["hash"]), removed=Head(row["pruned"], row["pruned_hash"]))


def _rows(engine: Engine, after: int) -> Iterator[RowMapping]:
    while True:
        query = select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence).limit(_AT_ONCE)
        with engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1]["sequence"]


def _entry(row: RowMapping) -> Entry:
    facts = {name: msgspec.json.decode(row[name]) for name in ("before", "after")}
    return Entry(**{**row, **facts})


def _differing(one: Facts, other: Facts) -> Facts:
    return {name: value for name, value in one.items() if name not in other or other[name] != value}


def _text(facts: Facts) -> str:
    data = msgspec.json.encode(facts, order="sorted")
    if len(data) > _MOST_BYTES:
        data = msgspec.json.encode({"too_long": True, "bytes": len(data), "names": sorted(facts)[:100]})
    return data.decode()


def _shortened(**texts: str) -> dict[str, str]:
    return {name: _clean(text)[: _LENGTHS[name]] for name, text in texts.items()}


def _clean(text: str) -> str:
    """What every database takes: no NUL, and nothing that is no Unicode."""
    return text.encode(errors="replace").decode().replace("\x00", "\ufffd")
