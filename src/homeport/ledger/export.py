"""The ledger as a file, in constant memory: rows as CSV or Parquet, or hours as FOCUS."""

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, select

from homeport.core.errors import ConfigError, StorageError
from homeport.ledger import focus
from homeport.ledger.engine_lines import Bills
from homeport.ledger.parquet import write_parquet
from homeport.ledger.periods import END
from homeport.storage.rollups import HOUR
from homeport.storage.tables import requests, rollups

Row = Mapping[str, Any]
Writer = Callable[[Engine, Path, int, int], int]
"""Writes the rows from a time to just before another, and says how many there were."""

_ROWS_AT_ONCE = 2_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV Injection)."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def export(
    engine: Engine, kind: str, out: Path, *, since_ns: int | None = None, until_ns: int | None = None, replace: bool
) -> int:
    """Write a file, whole or not at all, and say how many rows are in it.

    Args:
        kind: one of `FORMATS`.
        replace: a file that is there is written over.

    Raises:
        ConfigError: export_file_exists; parquet_missing.
        StorageError: export_unwritable.
    """
    since, until = since_ns or 0, END if until_ns is None else until_ns
    return write_whole(out, lambda draft: FORMATS[kind](engine, draft, since, until), replace=replace)


def write_whole(out: Path, write: Callable[[Path], int], *, replace: bool) -> int:
    """Write a file, whole or not at all; what `write` says. Raises as `export` does.

    Args:
        write: writes a file that is not there yet.
    """
    try:
        draft = _draft(out, replace=replace)
        try:
            count = write(draft)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error.strerror or str(error)) from error
    return count


def _draft(out: Path, *, replace: bool) -> Path:
    """What is written first, beside the file that it becomes when it is whole."""
    if out.exists() and not out.is_file():
        raise _unwritable(out, "it is not a file")
    if not replace and os.path.lexists(out):
        raise ConfigError(
            f"{out} is there already", code="export_file_exists", hint="name another file, or add --force"
        )
    return out.with_name(f".{out.name[:100]}.{os.getpid()}.part")


def _unwritable(out: Path, why: str) -> StorageError:
    return StorageError(
        f"{out} cannot be written: {why}", code="export_unwritable", hint="name a file in a folder that is there"
    )


def safe_cell(value: Any) -> Any:
    """A value as a spreadsheet shows it and never runs it: a text that looks like a formula gets an apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _csv(engine: Engine, out: Path, since: int, until: int) -> int:
    names = [column.name for column in requests.columns]
    with engine.connect() as connection:
        return _write_csv(out, names, ([row[name] for name in names] for row in _requests(connection, since, until)))


def _focus(engine: Engine, out: Path, since: int, until: int) -> int:
    bills = Bills.read(engine, since, until)
    with engine.connect() as connection:
        lines = map(focus.line, bills.charges(_hours(connection, since, until)))
        return _write_csv(out, focus.COLUMNS, ([line[name] for name in focus.COLUMNS] for line in lines))


def _parquet(engine: Engine, out: Path, since: int, until: int) -> int:
    with engine.connect() as connection:
        columns = {column.name: column.type.python_type for column in requests.columns}
        return write_parquet(out, columns, _requests(connection, since, until))


def _write_csv(out: Path, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> int:
    count = 0
    with out.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([safe_cell(value) for value in row])
            count += 1
    return count


def _requests(connection: Connection, since: int, until: int) -> Iterator[Row]:
    began = requests.c.started_at
    query = select(requests).where(and_(began >= since, began < until))
    return _streamed(connection, query.order_by(began, requests.c.request_id))


def _hours(connection: Connection, since: int, until: int) -> Iterator[Row]:
    """The hours that begin in the time."""
    among = and_(rollups.c.span == HOUR, rollups.c.start >= since, rollups.c.start < until)
    return _streamed(connection, select(rollups).where(among).order_by(rollups.c.start, rollups.c.cell))


def _streamed(connection: Connection, query: Select[Any]) -> Iterator[Row]:
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query).mappings()
    return (dict(row) for row in rows)


FORMATS: Mapping[str, Writer] = {"csv": _csv, "parquet": _parquet, "focus": _focus}
"""Name -> what writes it."""
