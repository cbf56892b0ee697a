"""Does the ledger say what it said when it was written? Every row is hashed again, in order.

What this finds: a row that was changed, removed or put in by whoever can write to the database. What
it cannot find: a chain that was written anew as a whole, up to its head. So keep the heads somewhere
else, as `homeport ledger verify --json` prints them.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Boolean, Connection, Engine, Integer, RowMapping, text
from sqlalchemy.exc import DBAPIError

from homeport.ledger.periods import END, Periods
from homeport.ledger.sources import Found, Group, Only, from_cells, from_rows
from homeport.storage.chain import GENESIS, Head, link, read_heads
from homeport.storage.rollups import COUNTED
from homeport.storage.tables import requests

_ROWS_AT_ONCE = 1_000
_NUMBERS = (BigInteger, Boolean, Integer)


class What(StrEnum):
    """What happened to a row, or to what stands beside the rows."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    HEAD = "head"
    SUMS = "sums"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was written.

    Attributes:
        request_id: of the row; "" where there is none to name.
        sequence: the row's place in its project; 0 for what is about the project.
    """

    what: What
    project: str
    sequence: int = 0
    request_id: str = ""
    note: str = ""


class Verification:
    """One reading of the ledger, of one moment.

    Args:
        project: read this one alone; "" for all.

    Attributes:
        rows: how many rows were read so far.
        heads: the ends of the chains that were read.
    """

    def __init__(self, engine: Engine, project: str = "") -> None:
        self._engine = engine
        self._project = project
        self.rows = 0
        self.heads: Mapping[str, Head] = {}

    def findings(self) -> Iterator[Finding]:
        """What is not as it was written, while the rows are read; memory stays constant."""
        with _snapshot(self._engine) as connection:
            every = read_heads(connection)
            self.heads = {name: head for name, head in every.items() if self._project in ("", name)}
            unread = dict(self.heads)
            for name, rows in groupby(self._read(connection), lambda row: row["project"]):
                yield from _walk(_shown(name), self._counted(rows), unread.pop(name, None))
            for name, head in unread.items():
                yield from _walk(name, iter(()), head)
            yield from _compare_sums(connection, self._project)

    def _counted(self, rows: Iterator[RowMapping]) -> Iterator[RowMapping]:
        for row in rows:
            self.rows += 1
            yield row

    def _read(self, connection: Connection) -> Iterator[RowMapping]:
        names = ", ".join(f'"{column.name}"' for column in requests.columns)
        only = "WHERE project = :project" if self._project else ""
        # As text, so that nothing between the database and us makes a strange value a usual one.
        query = text(f"SELECT {names} FROM requests {only} ORDER BY project, sequence")  # noqa: S608  our own names
        parameters = {"project": self._project} if self._project else {}
        yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query, parameters).mappings()


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment, and gives back texts that are no Unicode too."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            yield connection
        return
    with engine.connect() as connection, connection.begin():
        driver: Any = connection.connection.driver_connection
        usual, driver.text_factory = driver.text_factory, _decode
        try:
            yield connection
        finally:
            driver.text_factory = usual


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _walk(project: str, rows: Iterator[RowMapping], head: Head | None) -> Iterator[Finding]:
    """Follow one chain from its first row to its head."""
    expected, previous = 1, {GENESIS}
    last = head.sequence if head is not None else 0
    for row in rows:
        found = Finding(what=What.CHANGED, project=project, sequence=_place(row), request_id=_shown(row["request_id"]))
        if found.sequence < expected or found.sequence > last:
            note = "the chain has no such place" if head is not None else "the project has no chain"
            yield msgspec.structs.replace(found, what=What.INSERTED, note=note)
            continue
        if found.sequence > expected:
            yield from _removed(project, expected, found.sequence - 1)
            previous = set()
        made = {_hash(before, row) for before in previous}
        if row["hash"] not in made and previous:
            yield found
            previous = {str(row["hash"]), *made} - {""}
        else:
            previous = {row["hash"]}
        expected = found.sequence + 1
    if expected <= last:
        yield from _removed(project, expected, last)
    elif head is not None and head.hash not in previous:
        yield Finding(what=What.HEAD, project=project, sequence=last, note="the head is not the last row's hash")


def _removed(project: str, first: int, last: int) -> Iterator[Finding]:
    """One finding, however many rows are gone: a sequence may have been made a huge number."""
    note = "the row is gone" if first == last else f"the rows {first} to {last} are gone"
    yield Finding(what=What.REMOVED, project=project, sequence=first, note=note)


def _place(row: RowMapping) -> int:
    return row["sequence"] if type(row["sequence"]) is int else 0


def _hash(previous: str, row: RowMapping) -> str:
    """The hash that the row should have; "" where it holds what the ledger never wrote."""
    if not all(type(row[name]) in kinds for name, kinds in _KINDS.items()):
        return ""
    try:
        return link(previous, dict(row))
    except ValueError:  # a text that is no Unicode, or a hash before that is none
        return ""


_KINDS: Mapping[str, tuple[type, ...]] = {
    column.name: (int, bool) if isinstance(column.type, _NUMBERS) else (str,) for column in requests.columns
}


def _shown(value: Any) -> str:
    """A name as it can be printed, whatever is in it."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _compare_sums(connection: Connection, project: str) -> Iterator[Finding]:
    """The hours and the days of a project must add up to its rows."""
    try:
        rows = _sums(from_rows(connection, _BY_PROJECT, (_ALWAYS,), Only(project=project)))
        for name, periods in (("hours", Periods(hours=(_ALWAYS,))), ("days", Periods(days=(_ALWAYS,)))):
            cells = _sums(from_cells(connection, _BY_PROJECT, periods, Only(project=project), spread=False))
            for each in sorted(set(rows) | set(cells)):
                if project in ("", each) and rows.get(each, _NOTHING) != cells.get(each, _NOTHING):
                    yield Finding(what=What.SUMS, project=each, note=f"the sums of its {name} differ from its rows")
    except DBAPIError:
        # The database adds in 64 bits; what the ledger writes never comes near.
        yield Finding(what=What.SUMS, project=project, note="the rows hold numbers that cannot be added up")


_BY_PROJECT = (Group(column="project"),)
_ALWAYS = (-END, END)
_NOTHING = (0,) * len(COUNTED)


def _sums(found: Iterable[Found]) -> dict[str, tuple[int, ...]]:
    return {_shown(key[0]): tuple(sums[: len(COUNTED)]) for key, sums in found}
