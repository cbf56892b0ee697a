"""Requests for other programs, in constant memory: JSON lines or Parquet, with what was said where that was kept.

In JSON what a terminal would act on, or nobody would see, is escaped: controls, marks of direction, joiners, invisible
letters. It is the same text to whoever reads the JSON.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.core.errors import StorageError
from homeport.core.jsontext import readable
from homeport.ledger.export import write_whole
from homeport.ledger.parquet import write_parquet
from homeport.protocols.answers.parts import value_of
from homeport.storage.bodies import BodyStore
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import stream_requests
from homeport.storage.request_rows import NAMES, RequestRow
from homeport.traces.said import said

Record = dict[str, Any]
"""A row with the names of the table `requests`, and what was said."""

_SAID = ("messages", "answer", "tool_calls", "request")


def export_requests(
    engine: Engine,
    bodies: BodyStore | None,
    kind: str,
    out: Path,
    wanted: RequestFilter,
    *,
    replace: bool,
) -> int:
    """Write a file that its owner alone can read, whole or not at all, and say how many requests are in it.

    Args:
        bodies: where what was said is read; None leaves it out.
        kind: one of `FORMATS`.

    Raises:
        ConfigError: export_file_exists; parquet_missing.
        StorageError: export_unwritable.
    """

    def write(draft: Path) -> int:
        draft.touch(mode=0o600)
        return FORMATS[kind](draft, records(engine, bodies, wanted), bodies is not None)

    return write_whole(out, write, replace=replace)


def records(engine: Engine, bodies: BodyStore | None, wanted: RequestFilter) -> Generator[Record, None, None]:
    """Each request that a filter admits, the oldest first."""
    for row in stream_requests(engine, wanted):
        yield _record(row) | ({} if bodies is None else _said(bodies, row.request_id))


def line_of(record: object) -> bytes:
    """A record, or a part of one, as a line of JSON."""
    return (readable(msgspec.json.encode(record).decode()) + "\n").encode()


def _record(row: RequestRow) -> Record:
    record: Record = msgspec.to_builtins(row)
    return record


def _said(bodies: BodyStore, request_id: str) -> Record:
    """What was said; null where it was not kept, or cannot be read any more."""
    try:
        kept = bodies.get(request_id)
    except StorageError:  # that one cannot be read is no reason to export none
        kept = None
    if kept is None:
        return dict.fromkeys(_SAID)
    told: Record = msgspec.to_builtins(said(kept))
    return {**{name: told[name] for name in _SAID[:3]}, "request": value_of(kept.body)}


def _write_lines(out: Path, rows: Iterator[Record], _: bool) -> int:
    count = 0
    with out.open("wb") as file:
        for record in rows:
            file.write(line_of(record))
            count += 1
    return count


def _write_parquet(out: Path, rows: Iterator[Record], with_content: bool) -> int:
    kinds: dict[str, type] = {name: _KINDS.get(RequestRow.__annotations__[name], str) for name in NAMES}
    kinds |= dict.fromkeys(_SAID if with_content else (), str)
    return write_parquet(out, kinds, map(_flat, rows))


def _flat(record: Record) -> Record:
    """What is a list or an object is JSON."""
    return {name: _json(value) if isinstance(value, list | tuple | dict) else value for name, value in record.items()}


def _json(value: object) -> str:
    return line_of(value).decode().rstrip("\n")


_KINDS: Mapping[Any, type] = {int: int, bool: bool}

FORMATS: Mapping[str, Callable[[Path, Iterator[Record], bool], int]] = {
    "jsonl": _write_lines,
    "parquet": _write_parquet,
}
"""Name -> what writes it."""
