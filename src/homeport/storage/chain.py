"""The chain of the ledger: each row carries a hash of itself and of the row before it in its project.

A row's hash is BLAKE2b-256 over the hash of the row before (32 zero bytes before the first) and the
row's content. The content is the same bytes on every database: a JSON object, names sorted, of the
columns but `hash`, without those that are zero, false or empty. So a column that a later release adds
with such a default changes no hash, and a value cannot become or stop being one unseen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from homeport.storage.db import insert_new
from homeport.storage.tables import ledger_heads

Row = dict[str, Any]

GENESIS = "0" * 64
"""What stands for the hash before a project's first row."""

_encoder = msgspec.json.Encoder(order="sorted")


class Head(msgspec.Struct, frozen=True):
    """The end of a project's chain: how many rows it has, and the hash of the last one."""

    sequence: int = 0
    hash: str = GENESIS


def content(row: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a row, from the values that the database gives back.

    Raises:
        UnicodeEncodeError: a text is not Unicode, which the ledger never wrote.
    """
    kept = {name: 1 if value is True else value for name, value in row.items() if value and name != "hash"}
    return _encoder.encode(kept)


def link(previous: str, row: Mapping[str, Any]) -> str:
    """The hash of a row that follows the one whose hash is `previous`, in hexadecimal."""
    return blake2b(bytes.fromhex(previous) + content(row), digest_size=32).hexdigest()


def extend(heads: Mapping[str, Head], rows: Iterable[Row]) -> dict[str, Head]:
    """Give each row its place in the chain of its project, in order, and return the new heads."""
    ends = dict(heads)
    for row in rows:
        head = ends.get(row["project"], Head())
        row["sequence"] = head.sequence + 1
        row["hash"] = link(head.hash, row)
        ends[row["project"]] = Head(row["sequence"], row["hash"])
    return ends


def lock_heads(connection: Connection, projects: Collection[str]) -> dict[str, Head]:
    """The heads of some projects; nobody else extends these chains before the transaction ends."""
    names = sorted(projects)  # Everybody locks in the same order, so that nobody waits in a ring.
    new = [{"project": name, "sequence": 0, "hash": GENESIS} for name in names]
    connection.execute(insert_new(connection, ledger_heads), new)
    query = select(ledger_heads).where(ledger_heads.c.project.in_(names)).order_by(ledger_heads.c.project)
    rows = connection.execute(query.with_for_update())
    return {row.project: Head(row.sequence, row.hash) for row in rows}


def save_heads(connection: Connection, heads: Mapping[str, Head]) -> None:
    """Store the ends of chains whose heads are there."""
    for project, head in heads.items():
        change = update(ledger_heads).where(ledger_heads.c.project == project)
        connection.execute(change.values(sequence=head.sequence, hash=head.hash))


def read_heads(connection: Connection) -> dict[str, Head]:
    """The heads of all projects."""
    rows: Sequence[Any] = connection.execute(select(ledger_heads).order_by(ledger_heads.c.project)).all()
    return {row.project: Head(row.sequence, row.hash) for row in rows}
